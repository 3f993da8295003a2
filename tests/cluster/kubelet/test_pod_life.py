"""A pod's life as tables: what happens, when, and what its status says of it."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.kubelet.behaviour import Behaviour, Script
from cluster.kubelet.container_life import NEVER, Moment
from cluster.kubelet.latency import Latency
from cluster.kubelet.life_status import take_over, write_life
from cluster.kubelet.pod_life import PodLife
from cluster.kubelet.pod_status import Placing
from serialization.api.core.v1_pb2 import Container, ContainerStatus, Pod, PodSpec, Probe
from serialization.api.meta.v1_pb2 import ObjectMeta

START_S = 1_700_000_000
S = 10**9

Said = dict[str, str]


def pod_of(
    *names: str,
    init: tuple[str, ...] = (),
    policy: str = "Always",
    said: Said | None = None,
    **more: str,
) -> Pod:
    return Pod(
        metadata=ObjectMeta(
            namespace="ns",
            name="p",
            uid="u",
            annotations={
                f"kubedyno.dev/{key.replace('_', '-')}": text
                for key, text in {**(said or {}), **more}.items()
            },
        ),
        spec=PodSpec(
            restartPolicy=policy,
            containers=[Container(name=name, image=f"{name}:1") for name in names or ("main",)],
            initContainers=[Container(name=name, image=f"{name}:1") for name in init],
        ),
    )


class Theatre:
    """Plays a pod's life, and keeps what the API would have of it."""

    def __init__(self, pod: Pod, behaviour: Behaviour | None = None) -> None:
        self.pod = pod
        self.behaviour = behaviour or Behaviour()
        self.now = Moment(S, START_S)
        self.told: list[str] = []
        self.chance = random.Random(0)
        self.life = self.begin()

    def begin(self) -> PodLife:
        """Begin the life, or take it up from the pod's status as a new process does."""
        life = PodLife(self.pod, Script(self.behaviour, 7, self.pod), self.now, self.now.ns)
        take_over(self.pod, life, self.now)
        return life

    def play(self, seconds: float = 0) -> None:
        """Let time pass, attending to the pod exactly when it is due."""
        end_ns = self.now.ns + int(seconds * S)
        while (due_ns := max(self.life.due_ns(), self.now.ns)) <= end_ns:
            self._attend(due_ns)
            if self.life.due_ns() == NEVER:
                break
        self.now = self.at(end_ns)

    def at(self, ns: int) -> Moment:
        return Moment(ns, START_S + (ns - S) // S)

    def _attend(self, ns: int) -> None:
        self.now = self.at(ns)
        self.told += [each.reason for each in self.life.advance(self.now, self.chance)]
        write_life(self.pod, self.life, Placing("h", "10.0.0.1", self.life.seen_s, self.now.s))
        assert self.life.due_ns() > ns, "attended to for nothing"

    @property
    def main(self) -> ContainerStatus:
        return self.pod.status.containerStatuses[0]

    def condition(self, kind: str) -> tuple[str, str, int]:
        (found,) = (c for c in self.pod.status.conditions if c.type == kind)
        return found.status, found.reason, found.lastTransitionTime.seconds - START_S


def state(status: ContainerStatus) -> str:
    told = status.state
    if told.HasField("running"):
        return "running"
    if told.HasField("terminated"):
        return f"{told.terminated.reason} {told.terminated.exitCode}"
    return told.waiting.reason


class End(NamedTuple):
    """How a pod is after a minute."""

    phase: str
    state: str
    restarts: int
    ready: str


@pytest.mark.parametrize(
    ("policy", "said", "end"),
    [
        ("Always", {"ready_after": "1s"}, End("Running", "running", 0, "True")),
        # Runs from 0, 5, 20, 45, 90 s on: restarts wait 0, 10, 20, 40 s.
        ("Always", {"crash_after": "5s"}, End("Running", "CrashLoopBackOff", 3, "False")),
        ("OnFailure", {"crash_after": "5s"}, End("Running", "CrashLoopBackOff", 3, "False")),
        ("Never", {"crash_after": "5s"}, End("Failed", "Error 1", 0, "False")),
        ("Never", {"crash_after": "5s", "exit_code": "3"}, End("Failed", "Error 3", 0, "False")),
        ("Always", {"run_for": "50s"}, End("Running", "running", 1, "True")),
        ("OnFailure", {"run_for": "5s"}, End("Succeeded", "Completed 0", 0, "False")),
        ("Never", {"run_for": "5s"}, End("Succeeded", "Completed 0", 0, "False")),
        ("Never", {"run_for": "5s", "exit_code": "9"}, End("Failed", "Error 9", 0, "False")),
        ("Always", {"crash_after": "5s", "crashes": "2"}, End("Running", "running", 2, "True")),
        (
            "OnFailure",
            {"crash_after": "5s", "crashes": "1", "run_for": "7s", "exit_code.x": "4"},
            End("Succeeded", "Completed 0", 1, "False"),
        ),
        ("Always", {"crash_probability": "0"}, End("Running", "running", 0, "True")),
    ],
)
def test_pod_after_a_minute(policy: str, said: dict[str, str], end: End) -> None:
    theatre = Theatre(pod_of(policy=policy, said=said))

    theatre.play(60)

    main = theatre.main
    found = End(
        theatre.pod.status.phase, state(main), main.restartCount, theatre.condition("Ready")[0]
    )
    assert found == end


def test_back_off_doubles_to_five_minutes_and_is_told() -> None:
    theatre = Theatre(pod_of(crash_after="1s"))
    waits = []

    for _ in range(9):
        while state(theatre.main if theatre.told else ContainerStatus()) != "CrashLoopBackOff":
            theatre.play(1)
        waits.append(theatre.main.state.waiting.message.split()[1])
        theatre.play((theatre.life.due_ns() - theatre.now.ns) / S)

    assert waits == ["10s", "20s", "40s", "1m20s", "2m40s", "5m0s", "5m0s", "5m0s", "5m0s"]
    assert theatre.main.lastState.terminated.exitCode == 1
    message = "back-off 10s restarting failed container=main pod=p_ns(u)"
    fresh = Theatre(pod_of(crash_after="1s"))
    fresh.play(3)
    assert fresh.main.state.waiting.message == message


def test_back_off_is_forgotten_after_ten_minutes_of_running() -> None:
    theatre = Theatre(pod_of(crash_after="601s"))

    theatre.play(4 * 601)

    assert theatre.main.restartCount == 4
    assert "BackOff" not in theatre.told


def test_events_of_a_crash_loop_are_in_a_kubelets_order() -> None:
    theatre = Theatre(pod_of(crash_after="5s"))

    theatre.play(12)

    once = ["Pulled", "Created", "Started"]
    assert theatre.told == [*once, *once, "BackOff"]


def test_last_state_tells_the_run_before() -> None:
    theatre = Theatre(pod_of(crash_after="5s"))
    theatre.play(1)
    first_id = theatre.main.containerID

    theatre.play(6)

    ended = theatre.main.lastState.terminated
    assert state(theatre.main) == "running"
    assert (ended.containerID, ended.exitCode, ended.reason) == (first_id, 1, "Error")
    assert ended.finishedAt.seconds - ended.startedAt.seconds == 5
    assert theatre.main.containerID != first_id
    assert theatre.main.containerID.startswith("hollow://")


def test_init_containers_run_in_order_before_the_others() -> None:
    pod = pod_of(init=("a", "b"), said={"run_for.a": "10s", "run_for.b": "20s"})
    theatre = Theatre(pod)
    seen: list[object] = []

    for _ in range(4):
        theatre.play(0 if not seen else 10)
        status = theatre.pod.status
        inits = [state(each) for each in status.initContainerStatuses]
        seen.append((status.phase, *inits, state(theatre.main), theatre.condition("Initialized")))

    waiting = ("False", "ContainersNotInitialized", 0)
    assert seen == [
        ("Pending", "running", "PodInitializing", "PodInitializing", waiting),
        ("Pending", "Completed 0", "running", "PodInitializing", waiting),
        ("Pending", "Completed 0", "running", "PodInitializing", waiting),
        ("Running", "Completed 0", "Completed 0", "running", ("True", "", 30)),
    ]


def test_failing_init_container_fails_the_pod_that_never_restarts() -> None:
    said = {"crash_after.a": "1s"}
    never = Theatre(pod_of(init=("a",), policy="Never", said=said))
    always = Theatre(pod_of(init=("a",), said=said))

    for theatre in (never, always):
        theatre.play(5)

    assert never.pod.status.phase == "Failed"
    assert state(never.main) == "PodInitializing"
    assert always.pod.status.phase == "Pending"
    assert state(always.pod.status.initContainerStatuses[0]) == "CrashLoopBackOff"


def test_sidecar_lets_the_others_start_and_ends_after_them() -> None:
    pod = pod_of(init=("side",), policy="Never", run_for="5s")
    pod.metadata.annotations["kubedyno.dev/run-for.side"] = "1h"
    pod.spec.initContainers[0].restartPolicy = "Always"
    theatre = Theatre(pod)

    theatre.play(1)
    assert state(theatre.main) == "running"
    assert theatre.condition("Ready")[0] == "True"
    theatre.play(10)

    assert theatre.pod.status.phase == "Succeeded"
    assert state(theatre.pod.status.initContainerStatuses[0]) == "Completed 0"


def test_deadline_fails_the_pod_and_kills_its_containers() -> None:
    pod = pod_of("a", "b")
    pod.spec.activeDeadlineSeconds = 30
    theatre = Theatre(pod)

    theatre.play(29)
    assert theatre.pod.status.phase == "Running"
    theatre.play(2)

    status = theatre.pod.status
    assert (status.phase, status.reason) == ("Failed", "DeadlineExceeded")
    assert [state(each) for each in status.containerStatuses] == ["Error 137", "Error 137"]
    assert theatre.condition("Ready") == ("False", "PodFailed", 30)
    assert theatre.told[-3:] == ["DeadlineExceeded", "Killing", "Killing"]
    assert theatre.life.due_ns() == NEVER


@pytest.mark.parametrize(
    ("said", "probe", "ready_s"),
    [
        ({"ready_after": "7s"}, None, 7),
        ({}, Probe(initialDelaySeconds=5), 5),
        ({}, Probe(initialDelaySeconds=5, successThreshold=3, periodSeconds=2), 9),
        ({"ready_after": "7s"}, Probe(initialDelaySeconds=5), 7),
        ({"ready_after": "3s"}, Probe(initialDelaySeconds=5), 5),
    ],
)
def test_readiness_comes_after_its_delay(
    said: dict[str, str], probe: Probe | None, ready_s: int
) -> None:
    pod = pod_of(said=said)
    if probe is not None:
        pod.spec.containers[0].readinessProbe.CopyFrom(probe)
    theatre = Theatre(pod)

    theatre.play(ready_s - 1)
    assert theatre.condition("Ready") == ("False", "ContainersNotReady", 0)
    assert (theatre.main.ready, theatre.main.started) == (False, True)
    theatre.play(1)

    assert theatre.condition("Ready") == ("True", "", ready_s)
    assert theatre.condition("ContainersReady") == ("True", "", ready_s)


def test_readiness_turns_again_and_again() -> None:
    theatre = Theatre(pod_of(unready_every="10s", unready_for="2s"))
    turns = []

    for _ in range(30):
        theatre.play(1)
        turns.append("x" if theatre.main.ready else ".")

    assert "".join(turns) == "xxxxxxxxx..xxxxxxxxxx..xxxxxxx"


def test_options_hold_for_every_pod_by_distribution() -> None:
    behaviour = Behaviour(crash_probability=0.3, crash_after=Latency(1000, 9000))
    crashed = 0

    for number in range(400):
        pod = pod_of(policy="Never")
        pod.metadata.uid = f"uid-{number}"
        theatre = Theatre(pod, behaviour)
        theatre.play(10)
        crashed += theatre.pod.status.phase == "Failed"

    assert 90 < crashed < 150


def test_annotations_that_cannot_be_read_are_told_once_and_do_nothing() -> None:
    theatre = Theatre(pod_of(crash_after="soon", exit_code="x", run_for="1h"))

    theatre.play(60)

    assert theatre.life.script.new_mistakes() == [
        "annotation kubedyno.dev/crash-after: 'soon': not a duration: 'soon' (as 250ms, 5s, 1m30s)",
        "annotation kubedyno.dev/exit-code: 'x': no number",
    ]
    assert theatre.life.script.new_mistakes() == []


SCRIPTS = st.fixed_dictionaries(
    {},
    optional={
        "crash_after": st.sampled_from(["1s", "5s", "1s:20s", "700s"]),
        "crash_probability": st.sampled_from(["0.5", "1"]),
        "crashes": st.sampled_from(["1", "3"]),
        "run_for": st.sampled_from(["2s", "30s"]),
        "ready_after": st.sampled_from(["3s", "1s:30s"]),
        "unready_every": st.sampled_from(["10s"]),
    },
)


@given(
    said=SCRIPTS,
    policy=st.sampled_from(["Always", "OnFailure", "Never"]),
    init=st.sampled_from([(), ("i",), ("i", "j")]),
    play_s=st.integers(0, 300),
)
def test_life_that_is_taken_up_from_its_status_writes_the_same(
    said: dict[str, str], policy: str, init: tuple[str, ...], play_s: int
) -> None:
    theatre = Theatre(pod_of("a", "b", init=init, policy=policy, said=said))
    theatre.play(play_s)
    before = Pod()
    before.CopyFrom(theatre.pod)

    life = theatre.begin()
    write_life(theatre.pod, life, Placing("h", "10.0.0.1", life.seen_s, theatre.now.s))

    assert theatre.pod == before


@pytest.mark.slow
@given(said=SCRIPTS, policy=st.sampled_from(["Always", "OnFailure", "Never"]))
def test_life_that_is_taken_up_goes_on_and_comes_to_rest(said: dict[str, str], policy: str) -> None:
    theatre = Theatre(pod_of("a", "b", policy=policy, said=said))
    theatre.play(100)
    restarts = [each.restartCount for each in theatre.pod.status.containerStatuses]

    theatre.life = theatre.begin()
    theatre.play(2000)

    after = [each.restartCount for each in theatre.pod.status.containerStatuses]
    assert all(new >= old for new, old in zip(after, restarts, strict=True))
