"""What a member tells its operators: counters, the process, and how much it logs."""

from __future__ import annotations

import logging
import resource
import sys
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from storage.errors import StoreError
from storage.serve.etcd2.connection import Connection
from storage.serve.etcd2.go_json import JsonError, read_record
from storage.serve.etcd2.heads import JSON, TEXT, Heads
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.pages import Page
from storage.serve.etcd2.serving import CLUSTER_VERSION, VERSION, Serving
from storage.serve.etcd3.pages import METRICS, metrics

WRITES: Final = (
    ("set", "sets"),
    ("create", "create"),
    ("update", "update"),
    ("delete", "delete"),
    ("compareAndSwap", "compareAndSwap"),
    ("compareAndDelete", "compareAndDelete"),
)
"""Actions, and how the store's counters of them begin."""
LEVELS: Final = {
    "CRITICAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARNING": logging.WARNING,
    "NOTICE": logging.INFO,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "TRACE": logging.DEBUG,
    **dict(zip("CEWNIDT", (50, 40, 30, 20, 20, 10, 10), strict=True)),
}
"""etcd's levels, long and short, as ours."""


class DiagnosticPages:
    """The pages that are about the process."""

    def __init__(
        self,
        serving: Serving,
        heads: Heads,
        watchers: Callable[[], int],
        requests: Callable[[], Mapping[str, int]],
    ) -> None:
        """``requests`` returns how many were served, by method."""
        self._serving = serving
        self._heads = heads
        self._watchers = watchers
        self._requests = requests

    def pages(self) -> dict[str, Page]:
        """Return them by path."""
        return {
            "/metrics": Page(("GET", "HEAD"), self._serve_metrics),
            "/debug/vars": Page(("GET",), self._serve_variables),
            "/config/local/log": Page(("PUT",), self._serve_level),
        }

    def _serve_metrics(self, _heard: Heard, _path: str, connection: Connection) -> None:
        try:
            shared = metrics(self._serving.store.status())
        except StoreError as error:
            payload = self._heads.plain(503, f"{error}\n".encode(), TEXT)
        else:
            own = self._counters() + shared.splitlines()[1:]  # without the other's version
            payload = self._heads.plain(200, "\n".join([*own, ""]).encode(), METRICS)
        connection.answer(payload)

    def _counters(self) -> list[str]:
        read = self._serving.statistics
        counted: Mapping[str, int] = {} if read is None else read()

        def both(name: str) -> int:
            return counted.get(f"{name}Success", 0) + counted.get(f"{name}Fail", 0)

        short = CLUSTER_VERSION.rpartition(".")[0]
        store = "etcd_debugging_store_"
        lines = [
            f'etcd_server_version{{server_version="{VERSION}"}} 1',
            f'etcd_cluster_version{{cluster_version="{short}"}} 1',
            f'{store}reads_total{{action="get"}} {both("gets")}',
            *(f'{store}writes_total{{action="{name}"}} {both(key)}' for name, key in WRITES),
            f"{store}expires_total {counted.get('expireCount', 0)}",
            f"{store}watchers {self._watchers()}",
        ]
        for method, count in sorted(self._requests().items()):
            lines.append(f'etcd_http_received_total{{method="{method}"}} {count}')
        return lines

    def _serve_variables(self, _heard: Heard, _path: str, connection: Connection) -> None:
        serving = self._serving
        own, applied = f"{serving.member_id:x}", serving.raft_index()
        used = resource.getrusage(resource.RUSAGE_SELF)
        status = {
            "id": own,
            "term": serving.term,
            "vote": own,
            "commit": applied,
            "lead": own,
            "raftState": "StateLeader",
            "applied": applied,
            "progress": {
                own: {"match": applied, "next": applied + 1, "state": "StateReplicate"},
            },
            "leadtransferee": "0",
        }
        told: dict[str, object] = {
            "cmdline": sys.argv,
            "file_descriptor_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "memstats": {"Sys": used.ru_maxrss << 10},
            "raft.status": status,
        }
        lines = [orjson.dumps(name) + b": " + orjson.dumps(each) for name, each in told.items()]
        body = b"{\n" + b",\n".join(lines) + b"\n}\n"
        connection.answer(self._heads.plain(200, body, JSON + "; charset=utf-8"))

    def _serve_level(self, heard: Heard, _path: str, connection: Connection) -> None:
        try:
            wanted = read_record(heard.body, ("Level",), whole=False).get("Level", "")
        except JsonError:
            wanted = None
        if not isinstance(wanted, str):
            payload = self._message("Invalid json body")
        elif wanted.upper() not in LEVELS:
            payload = self._message(f"Invalid log level {wanted}")
        else:
            logging.getLogger().setLevel(LEVELS[wanted.upper()])
            payload = self._heads.plain(204).replace(b"Content-Length: 0\r\n", b"", 1)
        connection.answer(payload)

    def _message(self, text: str) -> bytes:
        return self._heads.plain(400, orjson.dumps({"message": text}), JSON)
