"""What the containers of a pod do: end, crash, become ready; by the fleet's options and the pod.

A pod says it in annotations, each of which holds for all of its containers, or with ``.NAME``
behind it for one. Durations are as ``5s``, or ``1s:5s`` for evenly between.

====================================  ===========================================================
``kubedyno.dev/crash-after``          a run fails after so long
``kubedyno.dev/crash-probability``    the part of runs that do (1 where ``crash-after`` is given)
``kubedyno.dev/crashes``              only so many runs do, the later ones do not
``kubedyno.dev/run-for``              a run that does not fail ends well after so long (Jobs)
``kubedyno.dev/exit-code``            of a run that ends (else 1 when it fails, 0 when it ends well)
``kubedyno.dev/ready-after``          after its start a container is not ready for so long
``kubedyno.dev/unready-every``        a ready container turns unready after so long, again and again
``kubedyno.dev/unready-for``          and stays so for so long
====================================  ===========================================================

What a run does is drawn from the seed, the pod's uid, the container and the number of the run: a
kubelet that is started again goes on as it would have without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, NamedTuple

from cluster.kubelet.durations import parse_span
from cluster.kubelet.latency import NONE, Latency
from serialization.api.core.v1_pb2 import Container, Pod

PREFIX: Final = "kubedyno.dev/"
CRASH_SPAN: Final = Latency(5_000, 5_000)
"""How long a run lasts that fails, where only a probability is given."""
UNREADY_SPAN: Final = Latency(5_000, 5_000)
EXIT_CODE_MAX: Final = 255
FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What every container of a fleet does unless its pod says otherwise; by default it runs."""

    crash_probability: float = 0.0
    """The part of runs that fail."""
    crash_after: Latency = CRASH_SPAN
    ready_after: Latency = NONE
    run_for: Latency | None = None
    unready_every: Latency | None = None
    unready_for: Latency = UNREADY_SPAN
    init_for: Latency = NONE
    """How long init containers run."""

    @property
    def quiet(self) -> bool:
        """Whether containers start, are ready at once, and run until they are deleted."""
        return (
            not self.crash_probability
            and self.run_for is None
            and self.unready_every is None
            and self.ready_after == NONE
        )


class Run(NamedTuple):
    """What one run of a container does, in nanoseconds since its start."""

    ends_after_ns: int | None
    """None: it runs until it is stopped."""
    exit_code: int
    ready_after_ns: int


class Script:
    """What the containers of one pod do."""

    def __init__(self, behaviour: Behaviour, seed: int, pod: Pod) -> None:
        self._behaviour = behaviour
        self._seed = seed
        self._uid = pod.metadata.uid
        self.said = annotated(pod)
        """What the pod says, without the prefix."""
        self.mistakes: list[str] = []
        """What the pod says that cannot be read; it is as if it were not said."""
        self._told = 0
        self._probed_ns = {
            container.name: _probed_ns(container)
            for container in (*pod.spec.containers, *pod.spec.initContainers)
        }

    def run(self, name: str, number: int, *, init: bool = False) -> Run:
        """Return what run ``number`` (from 0) of a container does."""
        ready_after = self._span("ready-after", name, self._behaviour.ready_after)
        ready_ns = max(self._draw(ready_after, name, number, "ready"), self._probed_ns[name])
        crash_after = self._span("crash-after", name, None)
        crash_ns = None if init and crash_after is None else self._crash(name, number, crash_after)
        if crash_ns is not None:
            return Run(crash_ns, self._code(name, FAILED), ready_ns)
        default = self._behaviour.init_for if init else self._behaviour.run_for
        run_for = self._span("run-for", name, default)
        if run_for is None:
            return Run(None, 0, ready_ns)
        return Run(self._draw(run_for, name, number, "run"), self._code(name, 0), ready_ns)

    def unready(self, name: str, number: int, turn: int) -> tuple[int, int] | None:
        """Return how long a container stays ready, and then unready; None: ready for good."""
        every = self._span("unready-every", name, self._behaviour.unready_every)
        if every is None:
            return None
        lasts = self._span("unready-for", name, self._behaviour.unready_for)
        what = f"unready/{turn}"
        least_ns = 1_000_000  # a container must not turn in no time for ever
        ready_ns = max(self._draw(every, name, number, what), least_ns)
        return ready_ns, max(self._draw(lasts, name, number, f"{what}/for"), least_ns)

    def _crash(self, name: str, number: int, said: Latency | None) -> int | None:
        """Return after how long a run fails; None: it does not."""
        crashes = self._number("crashes", name)
        if crashes is not None and number >= crashes:
            return None
        probability = self._behaviour.crash_probability
        if said is not None:
            probability = 1.0
        given = self._number("crash-probability", name)
        if given is not None:
            probability = given
        if not probability or self._chance(name, number, "crash") >= probability:
            return None
        return self._draw(said or self._behaviour.crash_after, name, number, "crash-after")

    def _code(self, name: str, default: int) -> int:
        code = self._number("exit-code", name)
        if code is None or not 0 <= code <= EXIT_CODE_MAX:
            return default
        return int(code)

    def _text(self, key: str, name: str) -> str:
        return self.said.get(f"{key}.{name}") or self.said.get(key, "")

    def _number(self, key: str, name: str) -> float | None:
        text = self._text(key, name)
        try:
            return float(text) if text else None
        except ValueError:
            self._complain(key, text, "no number")
            return None

    def _span(self, key: str, name: str, default: Latency | None) -> Latency | None:
        text = self._text(key, name)
        try:
            return parse_span(text) if text else default
        except ValueError as error:
            self._complain(key, text, str(error))
            return default

    def new_mistakes(self) -> list[str]:
        """Return the mistakes that were found since this was last asked."""
        new = self.mistakes[self._told :]
        self._told = len(self.mistakes)
        return new

    def _complain(self, key: str, text: str, why: str) -> None:
        mistake = f"annotation {PREFIX}{key}: {text!r}: {why}"
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def _draw(self, span: Latency | None, name: str, number: int, what: str) -> int:
        if span is None:
            return 0
        share = 0.0 if span.low_ms == span.high_ms else self._chance(name, number, what)
        return int((span.low_ms + (span.high_ms - span.low_ms) * share) * 1e6)

    def _chance(self, name: str, number: int, what: str) -> float:
        """Return a number from [0, 1) that is always the same for the same question."""
        text = f"{self._seed}/{self._uid}/{name}/{number}/{what}"
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) / 2**64


def annotated(pod: Pod) -> dict[str, str]:
    """Return what a pod says in annotations, without their prefix."""
    return said_in(pod.metadata.annotations)


def said_in(annotations: Mapping[str, str]) -> dict[str, str]:
    """Return those of some annotations that are about behaviour, without their prefix."""
    return {
        key.removeprefix(PREFIX): text
        for key, text in annotations.items()
        if key.startswith(PREFIX)
    }


def is_lively(pod: Pod) -> bool:
    """Whether anything happens to a pod between its start and its deletion, by its own word.

    Most pods of a load test only start and run. They cost no memory here; those that this says True
    for have a ``PodLife``.
    """
    spec = pod.spec
    if spec.initContainers or spec.readinessGates:
        return True
    for container in spec.containers:
        if container.HasField("readinessProbe") or container.HasField("startupProbe"):
            return True
    return says_something(pod)


def says_something(pod: Pod) -> bool:
    """Whether a pod has a word about its behaviour that can be given while it runs.

    Hot: it is looked for at each event of every pod.
    """
    if pod.spec.HasField("activeDeadlineSeconds"):
        return True
    return any(key.startswith(PREFIX) for key in pod.metadata.annotations)


def _probed_ns(container: Container) -> int:
    """Return how long a container's probes keep it from being ready, when all go well."""
    wait_s = 0
    if container.HasField("startupProbe"):
        wait_s += container.startupProbe.initialDelaySeconds
    if container.HasField("readinessProbe"):
        probe = container.readinessProbe
        wait_s += probe.initialDelaySeconds
        wait_s += max(probe.successThreshold - 1, 0) * (probe.periodSeconds or 10)
    return wait_s * 10**9
