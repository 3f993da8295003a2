"""How a pod's state is summed up in its row: readiness, the one word, restarts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cluster.apiserver.tables.pod import PodPrinter
from serialization.api.core.v1_pb2 import ContainerStatus, Pod

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


def status(name: str, *, restarts: int = 0, ended_ago_s: int = 0, ready: bool = True) -> Pod:
    """Return a pod with one container's status; it runs, and has been restarted."""
    pod = Pod()
    pod.spec.containers.add(name=name)
    pod.status.phase = "Running"
    add(pod, name, restarts=restarts, ended_ago_s=ended_ago_s, ready=ready)
    return pod


def add(
    pod: Pod,
    name: str,
    *,
    restarts: int = 0,
    ended_ago_s: int = 0,
    ready: bool = True,
    init: bool = False,
) -> ContainerStatus:
    statuses = pod.status.initContainerStatuses if init else pod.status.containerStatuses
    added = statuses.add(name=name, restartCount=restarts, ready=ready)
    added.state.running.startedAt.seconds = NOW_S - 1
    if ended_ago_s:
        added.lastState.terminated.finishedAt.seconds = NOW_S - ended_ago_s
    return added


def shown(pod: Pod) -> list[object]:
    """Return readiness, the word and the restarts."""
    return [*PodPrinter().cells(pod, NOW)[1:4]]


@pytest.mark.parametrize(
    ("restarts", "ended_ago_s", "text"),
    [
        (0, 0, "0"),
        (2, 5, "2 (5s ago)"),
        (2, 3600 * 5 + 60, "2 (5h1m ago)"),
        (3, 0, "3"),  # Nothing tells when.
        (0, 5, "0"),
    ],
)
def test_restarts_tell_how_long_ago_the_last_was(
    restarts: int, ended_ago_s: int, text: str
) -> None:
    pod = status("main", restarts=restarts, ended_ago_s=ended_ago_s)

    assert shown(pod) == ["1/1", "Running", text]


def test_restarts_of_containers_add_up_and_the_latest_counts() -> None:
    pod = status("a", restarts=2, ended_ago_s=60)
    pod.spec.containers.add(name="b")
    waiting = add(pod, "b", restarts=1, ended_ago_s=7, ready=False)
    waiting.state.Clear()
    waiting.state.waiting.reason = "CrashLoopBackOff"

    assert shown(pod) == ["1/2", "CrashLoopBackOff", "3 (7s ago)"]


def test_an_init_container_that_fails_is_told_with_its_restarts() -> None:
    pod = status("main", ready=False)
    pod.status.phase = "Pending"
    pod.spec.initContainers.add(name="first")
    pod.spec.initContainers.add(name="second")
    done = add(pod, "first", restarts=1, ended_ago_s=50, ready=False, init=True)
    done.state.terminated.exitCode = 0
    failing = add(pod, "second", restarts=2, ended_ago_s=9, ready=False, init=True)
    failing.state.Clear()
    failing.state.waiting.reason = "CrashLoopBackOff"
    failing.lastState.terminated.exitCode = 1

    assert shown(pod) == ["0/1", "Init:CrashLoopBackOff", "3 (9s ago)"]


def test_of_init_containers_that_are_through_only_sidecars_restarts_count() -> None:
    pod = status("main", restarts=1, ended_ago_s=30)
    pod.spec.initContainers.add(name="once")
    pod.spec.initContainers.add(name="beside", restartPolicy="Always")
    once = add(pod, "once", restarts=5, ended_ago_s=3, ready=False, init=True)
    once.state.terminated.exitCode = 0
    add(pod, "beside", restarts=2, ended_ago_s=4, init=True).started = True

    assert shown(pod) == ["2/2", "Running", "3 (4s ago)"]


def test_a_pod_that_was_initialized_is_told_of_its_containers() -> None:
    pod = status("main")
    pod.spec.initContainers.add(name="once")
    pod.status.conditions.add(type="Initialized", status="True")
    again = add(pod, "once", ready=False, init=True)
    again.state.Clear()
    again.state.waiting.reason = "CrashLoopBackOff"

    assert shown(pod) == ["1/1", "Running", "0"]
