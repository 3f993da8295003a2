"""The life of a pod to which more happens than start and deletion; pure, time is an argument.

What a kubelet's runtime and its sync loop together know of a pod: ``advance`` lets happen what is
due and returns what to report in Events; ``due_ns`` says when there will be more. What the API is
to be told follows from the state alone (``life_status``), so a status that was not written can be
written at any later time, and a process that starts again takes a life up from the status.

    init containers, in order ──▶ main containers, at once ──▶ Succeeded / Failed, or on and on
"""

from __future__ import annotations

import random
from typing import Final

from cluster.kubelet.behaviour import Script
from cluster.kubelet.container_life import NEVER, ContainerLife, Happening, Moment, Phase, Role
from cluster.kubelet.pod_conditions import may_be_ready, ready_condition
from serialization.api.core.v1_pb2 import Pod

DEADLINE: Final = "DeadlineExceeded"
DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"
KILLED: Final = 137
STEPS_MAX: Final = 10_000
"""Of one ``advance``: each of a pod's containers has only a few before it has to wait."""


class PodLife:
    """A pod at one moment, on its node."""

    def __init__(self, pod: Pod, script: Script, seen: Moment, starts_ns: int) -> None:
        """Begin a life at ``seen``; its main containers start from ``starts_ns`` on."""
        spec = pod.spec
        self.uid = pod.metadata.uid
        self.name = f"{pod.metadata.name}_{pod.metadata.namespace}({self.uid})"
        self.script = script
        self.policy = spec.restartPolicy or "Always"
        self.seen_s = seen.s
        self.starts_ns = starts_ns
        self.deadline_ns = NEVER
        self._deadline_s: int | None = None
        self.init = [
            ContainerLife(
                c.name, c.image, Role.SIDECAR if c.restartPolicy == "Always" else Role.INIT
            )
            for c in spec.initContainers
        ]
        self.main = [ContainerLife(c.name, c.image, Role.MAIN) for c in spec.containers]
        self.phase = "Pending"
        self.reason = self.message = ""
        self.finished = False
        self.restarts = 0
        """In this process."""
        self.version = 1
        """Counts the changes that the API is to be told."""
        self.written = 0
        """The last version that it was told."""

    @property
    def started(self) -> bool:
        """Whether all of its init containers are done, and the main ones may run."""
        return all(is_past(container) for container in self.init)

    @property
    def ready(self) -> bool:
        """Whether all containers that go on running are ready."""
        return not self.finished and all(container.ready for container in self.serving)

    @property
    def serving(self) -> list[ContainerLife]:
        """The containers that are meant to be ready."""
        return [c for c in (*self.init, *self.main) if c.role is not Role.INIT]

    def learn(self, script: Script, now: Moment) -> None:
        """Go on by another script: the pod's annotations have changed."""
        self.script = script
        for container in (*self.init, *self.main):
            if container.phase is Phase.RUNNING:
                container.replan(now.ns, now, script)

    def learn_deadline(self, pod: Pod, now: Moment) -> bool:
        """Take note of a pod's deadline; return whether it is a new one."""
        deadline_s = None
        if pod.spec.HasField("activeDeadlineSeconds"):
            deadline_s = self.seen_s + pod.spec.activeDeadlineSeconds
        if deadline_s == self._deadline_s:
            return False
        self._deadline_s = deadline_s
        self.deadline_ns = NEVER if deadline_s is None else now.from_seconds(deadline_s)
        return True

    def agrees(self, pod: Pod) -> bool:
        """Whether a pod's status says of this life what matters most."""
        said = ready_condition(pod) == "True"
        return pod.status.phase == self.phase and said == may_be_ready(pod, ready=self.ready)

    def due_ns(self) -> int:
        """Return when there is something to do next; ``NEVER`` for nothing."""
        if self.finished:
            return NEVER
        due_ns = self.deadline_ns
        for container in (*self.init, *self.main):
            if container.phase is Phase.CREATING:
                due_ns = min(due_ns, self.starts_ns)
                if container.role is not Role.MAIN:
                    break  # what stands behind it waits for it
            else:
                due_ns = min(due_ns, container.due_ns)
                if not is_past(container) and container.role is not Role.MAIN:
                    break
        return due_ns

    def restarts_after(self, container: ContainerLife, exit_code: int) -> bool:
        """Whether a container is run again when a run has ended so."""
        if container.role is Role.SIDECAR:
            return True
        if container.role is Role.INIT:
            return exit_code != 0 and self.policy != "Never"
        return self.policy == "Always" or (self.policy == "OnFailure" and exit_code != 0)

    def advance(self, now: Moment, chance: random.Random) -> list[Happening]:
        """Let happen what is due; return what a kubelet would report of it. Level-driven."""
        told: list[Happening] = []
        if self.finished:
            return told
        if now.ns >= self.deadline_ns:
            self._fail(now, told)
            return told
        for _ in range(STEPS_MAX):
            if not self._step(now, chance, told):
                break
        else:
            raise AssertionError(f"{self.name} does not come to rest")
        self._find_phase(now, told)
        return told

    def _step(self, now: Moment, chance: random.Random, told: list[Happening]) -> bool:
        """Let each container do what is due; return whether any did something."""
        before = self.version
        for container in self.init:
            self._tend(container, now, chance, told)
            if not is_past(container):
                return self.version != before
        for container in self.main:
            self._tend(container, now, chance, told)
        return self.version != before

    def _tend(
        self, container: ContainerLife, now: Moment, chance: random.Random, told: list[Happening]
    ) -> None:
        match container.phase:
            case Phase.CREATING if now.ns >= self.starts_ns:
                self._start(container, now, chance, told)
            case Phase.WAITING if now.ns >= container.due_ns:
                self.restarts += 1
                self._start(container, now, chance, told)
            case Phase.RUNNING if now.ns >= container.end_ns:
                self._end(container, now, told)
            case Phase.RUNNING if now.ns >= container.turn_ns:
                container.turn(now, self.script)
                self.version += 1

    def _start(
        self, container: ContainerLife, now: Moment, chance: random.Random, told: list[Happening]
    ) -> None:
        container.start(now, self.script, new_container_id(chance))
        self.version += 1
        told += started(container.name, container.image, container.field)

    def _end(self, container: ContainerLife, now: Moment, told: list[Happening]) -> None:
        code = container.exit_code
        container.end(now, again=self.restarts_after(container, code), exit_code=code)
        self.version += 1
        if container.waits_s:
            words = f"Back-off restarting failed container {container.name} in pod {self.name}"
            told.append(Happening("BackOff", words, container.field, warning=True))

    def _find_phase(self, now: Moment, told: list[Happening]) -> None:
        if any(c.phase is Phase.ENDED and not c.succeeded for c in self.init):
            self._finish("Failed", now, told)
        elif self.main and all(c.phase is Phase.ENDED for c in self.main):
            well = all(c.succeeded for c in self.main)
            self._finish("Succeeded" if well else "Failed", now, told)
        elif self.started and not any(c.phase is Phase.CREATING for c in self.main):
            self.phase = "Running"

    def _fail(self, now: Moment, told: list[Happening]) -> None:
        self.reason, self.message = DEADLINE, DEADLINE_MESSAGE
        told.append(Happening(DEADLINE, DEADLINE_MESSAGE))
        self._finish("Failed", now, told)

    def _finish(self, phase: str, now: Moment, told: list[Happening]) -> None:
        """Stop what still runs; nothing happens from here on."""
        for container in (*self.init, *self.main):
            if container.phase is Phase.RUNNING:
                code = 0 if container.role is Role.SIDECAR else KILLED
                container.end(now, again=False, exit_code=code)
                told.append(stopping(container.name, container.field))
            elif container.phase is Phase.WAITING:
                container.phase = Phase.ENDED
        self.phase, self.finished = phase, True
        self.version += 1


def is_past(container: ContainerLife) -> bool:
    """Whether the next init container, or the main ones, need not wait for this one."""
    if container.role is Role.SIDECAR:
        return container.phase is not Phase.CREATING
    return container.succeeded


def new_container_id(chance: random.Random) -> str:
    """Return the id of a container, of the runtime that the node reports."""
    return f"hollow://{chance.getrandbits(256):064x}"


def started(name: str, image: str, field: str) -> list[Happening]:
    """Return what a kubelet reports of a container that it starts."""
    return [
        Happening("Pulled", f'Container image "{image}" already present on machine', field),
        Happening("Created", f"Created container: {name}", field),
        Happening("Started", f"Started container {name}", field),
    ]


def stopping(name: str, field: str) -> Happening:
    """Return what a kubelet reports of a container that it stops."""
    return Happening("Killing", f"Stopping container {name}", field)
