"""All that is served beside keys, by path; and the pages of the member itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from storage.errors import StoreError
from storage.etcd2.statistics import COUNTERS
from storage.serve.etcd2.answers import time_text
from storage.serve.etcd2.connection import Connection
from storage.serve.etcd2.heads import JSON, TEXT, Heads
from storage.serve.etcd2.messages import Heard
from storage.serve.etcd2.serving import CLUSTER_VERSION, VERSION, Serving

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_NS: Final = 1_000_000_000


class Page(NamedTuple):
    """One path, or all below one."""

    methods: tuple[str, ...]
    """Others are refused; empty: whoever serves it judges them."""
    serve: Callable[[Heard, str, Connection], None]
    """Told the request, its path, and whom to answer."""


class Pages:
    """Pages by path: the whole path, or with a slash at its end all that is below it."""

    def __init__(self, pages: dict[str, Page]) -> None:
        self._pages = pages
        self._trees = [path for path in pages if path.endswith("/")]

    def find(self, path: str) -> Page | None:
        """Return what serves a path; None: nothing does."""
        found = self._pages.get(path)
        if found is None:
            for tree in self._trees:
                if path.startswith(tree):
                    return self._pages[tree]
        return found


class MemberPages:
    """What the member says of itself: health, version, counters."""

    def __init__(self, serving: Serving, heads: Heads, watchers: Callable[[], int]) -> None:
        self._serving = serving
        self._heads = heads
        self._watchers = watchers
        self._started_ns = serving.now_ns()

    def pages(self) -> dict[str, Page]:
        """Return them by path."""
        get, read = ("GET",), ("GET", "HEAD")
        return {
            "/health": self._page(get, self._health),
            "/version": self._page(get, self._version),
            "/v2/machines": self._page(read, self._machines),
            "/v2/stats/self": self._page(get, self._self),
            "/v2/stats/leader": self._page(get, self._leader),
            "/v2/stats/store": self._page(get, self._store),
        }

    def _page(self, methods: tuple[str, ...], make: Callable[[], bytes]) -> Page:
        def serve(_heard: Heard, _path: str, connection: Connection) -> None:
            connection.answer(make())

        return Page(methods, serve)

    def _json(self, told: object, status: int = 200) -> bytes:
        return self._heads.plain(status, orjson.dumps(told), JSON)

    def _health(self) -> bytes:
        try:
            healthy = not self._serving.store.status().alarm
        except StoreError:
            healthy = False
        body = b'{"health":"true"}' if healthy else b'{"health":"false"}'
        return self._heads.plain(200 if healthy else 503, body, TEXT)

    def _version(self) -> bytes:
        return self._json({"etcdserver": VERSION, "etcdcluster": CLUSTER_VERSION})

    def _machines(self) -> bytes:
        return self._heads.plain(200, ", ".join(self._serving.client_urls).encode(), TEXT)

    def _self(self) -> bytes:
        serving, started = self._serving, time_text(self._started_ns)
        own = f"{serving.member_id:x}"
        up_ns = serving.now_ns() - self._started_ns
        return self._json(
            {
                "name": serving.name,
                "id": own,
                "state": "StateLeader",
                "startTime": started,
                "leaderInfo": {"leader": own, "uptime": duration(up_ns), "startTime": started},
                "recvAppendRequestCnt": 0,
                "sendAppendRequestCnt": 0,
            }
        )

    def _leader(self) -> bytes:
        return self._json({"leader": f"{self._serving.member_id:x}", "followers": {}})

    def _store(self) -> bytes:
        counted = {} if self._serving.statistics is None else self._serving.statistics()
        told = {name: counted.get(name, 0) for name in COUNTERS}
        return self._json({**told, "watchers": self._watchers()})


def duration(ns: int) -> str:
    """Return a time as Go writes one.

    >>> duration(3_725_500_000_000), duration(12_653_000)
    ('1h2m5.5s', '12.653ms')
    """
    if 0 < ns < _NS:
        digits, unit = (6, "ms") if ns >= 10**6 else (3, "µs") if ns >= 1000 else (0, "ns")
        whole, rest = divmod(ns, 10**digits)
        return f"{whole}.{rest:0{digits}d}".rstrip("0").rstrip(".") + unit if digits else f"{ns}ns"
    seconds, rest = divmod(max(0, ns), _NS)
    hours, seconds = divmod(seconds, _HOUR_S)
    minutes, seconds = divmod(seconds, _MINUTE_S)
    told = f"{seconds}.{rest:09d}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{told}"
    return f"{minutes}m{told}" if minutes else told
