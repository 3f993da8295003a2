"""Writers that meet: every one is judged against what was pending when it came."""

from __future__ import annotations

import json
from typing import cast

from tests.cluster.apiserver.kinds import PODS_PATH, RCS_PATH, controller, pod
from tests.cluster.apiserver.serving import InProcess, Json

JSON = {"content-type": "application/json"}


def meta(obj: Json) -> Json:
    return cast("Json", obj["metadata"])


def test_unconditional_updates_that_meet_all_succeed(api: InProcess) -> None:
    api.create(RCS_PATH, controller())
    bodies = []
    for replicas in range(20):
        wanted = controller()
        cast("Json", wanted["spec"])["replicas"] = replicas
        bodies.append(json.dumps(wanted).encode())

    replies = api.gather(*(api.request("PUT", f"{RCS_PATH}/rc", raw, JSON) for raw in bodies))

    assert [reply.code for reply in replies] == [200] * 20
    versions = [int(str(meta(reply.json())["resourceVersion"])) for reply in replies]
    assert sorted(versions) == list(range(min(versions), min(versions) + 20))
    last = api.call("GET", f"{RCS_PATH}/rc").json()
    winner = replies[versions.index(max(versions))].json()
    assert last == winner


def test_updates_at_one_version_that_meet_have_one_winner(api: InProcess) -> None:
    current = api.create(RCS_PATH, controller())
    bodies = []
    for replicas in range(5, 10):
        cast("Json", current["spec"])["replicas"] = replicas
        bodies.append(json.dumps(current).encode())

    replies = api.gather(*(api.request("PUT", f"{RCS_PATH}/rc", raw, JSON) for raw in bodies))

    assert sorted(reply.code for reply in replies) == [200, 409, 409, 409, 409]


def test_bindings_that_meet_have_one_winner(api: InProcess) -> None:
    api.create(PODS_PATH, pod())
    bodies = [
        json.dumps({"metadata": {"name": "a"}, "target": {"name": f"n{index}"}}).encode()
        for index in range(5)
    ]

    replies = api.gather(
        *(api.request("POST", f"{PODS_PATH}/a/binding", raw, JSON) for raw in bodies)
    )

    assert sorted(reply.code for reply in replies) == [201, 409, 409, 409, 409]


def test_creates_of_one_name_that_meet_have_one_winner(api: InProcess) -> None:
    raw = json.dumps(pod()).encode()

    replies = api.gather(*(api.request("POST", PODS_PATH, raw, JSON) for _ in range(5)))

    assert sorted(reply.code for reply in replies) == [201, 409, 409, 409, 409]


def test_status_and_delete_that_meet_both_count(api: InProcess) -> None:
    running = api.create(PODS_PATH, pod(node="n1"))
    running_meta = meta(running)
    del running_meta["resourceVersion"]
    cast("Json", running["status"])["phase"] = "Running"
    raw = json.dumps(running).encode()

    marked, status = api.gather(
        api.request("DELETE", f"{PODS_PATH}/a", b"", {}),
        api.request("PUT", f"{PODS_PATH}/a/status", raw, JSON),
    )

    assert (marked.code, status.code) == (200, 200)
    both = api.call("GET", f"{PODS_PATH}/a").json()
    assert cast("Json", both["status"])["phase"] == "Running"
    assert "deletionTimestamp" in meta(both)
