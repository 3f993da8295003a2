"""A plain HTTP server with lists to audit, and faults."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

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

    def document(self, path: str, query: str) -> Item | None:
        """Return the list document of a path, or None where a failure is wanted."""
        kind = next((kind for kind, known in PATHS.items() if known == path), "")
        if not kind or kind == self.fail:
            return None
        self.queries.append((kind, query))
        start = int(query.removeprefix("continue=")) if query.startswith("continue=") else 0
        end = start + self.page
        metadata: Item = {"resourceVersion": "42"}
        if end < len(self.items[kind]):
            metadata["continue"] = str(end)
        return {"metadata": metadata, "items": self.items[kind][start:end] or None}


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
            document = lists.document(url.path, url.query)
            body = json.dumps(document).encode()
            self.send_response(500 if document is None else 200)
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
