"""A session of the PyPI package ``etcd3`` with a server: run as a program, in a process of its own.

The package cannot load beside a current protobuf in C: the environment must say
``PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python``. Prints what it saw, as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any


def session(client: Any) -> dict[str, object]:
    """Do one of everything; return what came back."""
    seen: dict[str, object] = {}
    client.put("pkg/a", "1")
    client.put("pkg/b", "2")
    value, about = client.get("pkg/a")
    seen["get"] = [value.decode(), about.key.decode(), about.version]
    seen["get none"] = client.get("pkg/none")[0]
    seen["prefix"] = [
        (about.key.decode(), value.decode())
        for value, about in client.get_prefix("pkg/", sort_order="descend")
    ]
    seen["range"] = [value.decode() for value, _ in client.get_range("pkg/a", "pkg/b")]
    seen["put if absent"] = [client.put_if_not_exists("pkg/c", "3") for _ in range(2)]
    seen["replace"] = [client.replace("pkg/a", "1", "one"), client.replace("pkg/a", "1", "x")]
    succeeded, answers = client.transaction(
        compare=[client.transactions.value("pkg/a") == "one"],
        success=[client.transactions.put("pkg/d", "4"), client.transactions.get("pkg/d")],
        failure=[client.transactions.delete("pkg/a")],
    )
    seen["transaction"] = [succeeded, [value.decode() for value, _ in answers[1]]]
    seen["delete"] = [client.delete("pkg/b"), client.delete("pkg/b")]
    seen["delete prefix"] = client.delete_prefix("pkg/").deleted
    lease = client.lease(60)
    client.put("pkg/leased", "x", lease=lease)
    seen["lease"] = [lease.granted_ttl, [key.decode() for key in lease.keys]]
    lease.revoke()
    seen["revoked"] = client.get("pkg/leased")[0]
    events, cancel = client.watch_prefix("pkg/w")
    client.put("pkg/w1", "seen")
    event = next(events)
    seen["watch"] = [type(event).__name__, event.key.decode(), event.value.decode()]
    cancel()
    with client.lock("pkg-lock", ttl=10) as lock:
        seen["lock"] = lock.is_acquired()
    seen["status"] = client.status().version
    seen["members"] = [member.name for member in client.members]
    client.compact(client.get("pkg/w1")[1].mod_revision)
    return seen


def main() -> None:
    """Run the session with the server at HOST PORT."""
    etcd3 = importlib.import_module("etcd3")  # there are no types for it
    client = etcd3.client(host=sys.argv[1], port=int(sys.argv[2]), timeout=20)
    sys.stdout.write(json.dumps(session(client)) + "\n")
    client.close()


if __name__ == "__main__":
    main()
