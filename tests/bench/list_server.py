"""A plain HTTP server with lists to audit, and faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.audit.listing import PATHS

Item = dict[str, Any]


def item(kind: str, name: str, uid: str, *, namespace: str = "", version: str = "1") -> Item:
    """Return an object of a list."""
    metadata = {"name": name, "uid": uid, "resourceVersion": version}
    if namespace:
        metadata["namespace"] = namespace
    return {"kind": kind, "metadata": metadata}


def running_pod(name: str, uid: str, version: str, owner: str = "") -> Item:
    """Return a pod that runs on node n1, in namespace load-1."""
    made = item("Pod", name, uid, namespace="load-1", version=version)
    if owner:
        made["metadata"]["ownerReferences"] = [{"uid": owner}]
    return {**made, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}}


@dataclass
class Lists:
    """What the server lists; the tests falsify it."""

    items: dict[str, list[Item]] = field(default_factory=dict)
    page: int = 1000
    fail: str = ""
    """A kind whose list is answered with 500."""
    queries: list[tuple[str, str]] = field(default_factory=list)
    """What was asked, by kind."""
    stored: list[Item] | None = None
    """Pods as of an exact revision, where they are others."""
    gone: int = 0
    """So many pages of events or of stored pods are refused with 410."""
    newest: str = "43"
    """The revision of every list but that of the pods."""

    def document(self, path: str, query: str) -> Item | None:
        """Return the list document of a path, or None where a failure is wanted."""
        kind = next((kind for kind, known in PATHS.items() if known == path), "")
        if not kind or kind == self.fail:
            return None
        self.queries.append((kind, query))
        asked = dict(parse_qsl(query))
        exact = "resourceVersionMatch" in asked or asked.get("continue", "").startswith("e")
        items = self.items[kind]
        if kind == "pods" and exact and self.stored is not None:
            items = self.stored
        start = int(asked.get("continue", "0").lstrip("e"))
        end = start + min(self.page, int(asked.get("limit", "0")) or self.page)
        metadata: Item = {"resourceVersion": "42" if kind == "pods" else self.newest}
        if end < len(items):
            metadata["continue"] = f"e{end}" if exact else str(end)
        return {"metadata": metadata, "items": items[start:end] or None}

    def is_gone(self, path: str, query: str) -> Item | None:
        """Return the 410 of a page that has been compacted away, if this is one."""
        asked = dict(parse_qsl(query))
        later = "continue" in asked or "resourceVersionMatch" in asked
        if not self.gone or not later or "limit" not in asked:
            return None
        self.gone -= 1
        token = asked.get("continue", "").lstrip("e")
        return {
            "kind": "Status",
            "metadata": {"continue": token} if path == PATHS["events"] else {},
        }


def two_pods() -> Lists:
    """Return the lists of a cluster with one node and one controller of two running pods."""
    controller = item("ReplicationController", "rc", "u-rc", namespace="load-1")
    controller["spec"] = {"replicas": 2}
    event = item("Event", "e", "u-e", namespace="load-1")
    event["involvedObject"] = {"kind": "Pod", "uid": "u-1"}
    return Lists(
        {
            "namespaces": [
                item("Namespace", "default", "u-d"),
                item("Namespace", "load-1", "u-l"),
            ],
            "nodes": [item("Node", "n1", "u-n")],
            "controllers": [controller],
            "pods": [running_pod("a", "u-1", "7", "u-rc"), running_pod("b", "u-2", "8", "u-rc")],
            "events": [event],
        }
    )


@contextmanager
def serving(lists: Lists) -> Iterator[str]:
    """Serve lists on a free port of the loopback; give the URL."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            gone = lists.is_gone(url.path, url.query)
            document = gone or lists.document(url.path, url.query)
            body = json.dumps(document).encode()
            self.send_response(410 if gone else 500 if document is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
