"""One container's life on a hollow node: it is made, runs, ends, waits, and runs again. Pure.

    CREATING ──start──▶ RUNNING ──end──▶ ENDED                    (its restart policy leaves it)
                           ▲  │
                           │  └──end──▶ WAITING ──┐               (it is to run again)
                           └──── back-off over ◀──┘

The back-off is a kubelet's: none before the first restart, then 10 s, doubling to five minutes; a
container that has run for ten minutes since its last start begins again at none.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from cluster.kubelet.behaviour import Script

BACKOFF_S: Final = 10
BACKOFF_S_MAX: Final = 300
BACKOFF_RESET_S: Final = 600
NEVER: Final = 1 << 62
"""A moment that does not come, in nanoseconds."""


class Moment(NamedTuple):
    """A point in time on both clocks."""

    ns: int
    """Stamp: timers are set by it."""
    s: int
    """Unix seconds: statuses tell it."""

    def from_seconds(self, seconds: int) -> int:
        """Return the stamp of a wall time, as near as whole seconds allow."""
        return self.ns + (seconds - self.s) * 10**9


class Phase(Enum):
    """Where a container is in its life."""

    CREATING = "creating"
    RUNNING = "running"
    WAITING = "waiting"
    ENDED = "ended"


class Role(Enum):
    """What a container is for its pod."""

    MAIN = "main"
    INIT = "init"
    SIDECAR = "sidecar"
    """An init container that is restarted always: it runs as long as the main ones."""


class Ending(NamedTuple):
    """How a run ended."""

    exit_code: int
    started_s: int
    finished_s: int
    container_id: str
    reason: str = ""
    """Where it is not ``Completed`` or ``Error``, by the exit code."""


class Happening(NamedTuple):
    """Something that a kubelet reports in an Event."""

    reason: str
    message: str
    field: str = ""
    """The path of the container that it is about; empty: the pod."""
    warning: bool = False


class ContainerLife:
    """A container of one pod, at one moment. ``due_ns`` is when ``advance`` has something to do."""

    __slots__ = (
        "_backoff_from_ns",
        "_turns",
        "backoff_s",
        "container_id",
        "due_ns",
        "end_ns",
        "ended",
        "exit_code",
        "image",
        "name",
        "phase",
        "previous",
        "ready",
        "restarts",
        "role",
        "started_s",
        "turn_ns",
        "waits_s",
    )

    def __init__(self, name: str, image: str, role: Role) -> None:
        self.name = name
        self.image = image
        self.role = role
        self.phase = Phase.CREATING
        self.restarts = 0
        self.container_id = ""
        self.started_s = 0
        self.ready = False
        self.ended: Ending | None = None
        """How the last run ended, unless one is under way."""
        self.previous: Ending | None = None
        """How the run before ended."""
        self.exit_code = 0
        """With which the present run will end."""
        self.end_ns = NEVER
        self.turn_ns = NEVER
        """When it becomes ready or unready."""
        self.due_ns = NEVER
        self.backoff_s = 0
        self.waits_s = 0
        """How long it waits for its restart now."""
        self._backoff_from_ns = 0
        self._turns = 0

    @property
    def field(self) -> str:
        """Where the container stands in its pod."""
        where = "containers" if self.role is Role.MAIN else "initContainers"
        return f"spec.{where}{{{self.name}}}"

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well, for good."""
        return self.phase is Phase.ENDED and self.ended is not None and self.ended.exit_code == 0

    def start(self, now: Moment, script: Script, container_id: str) -> None:
        """Begin a run, as ``script`` has it."""
        if self.phase is Phase.WAITING:
            self.restarts += 1
            self._back_off(now)
        self.previous, self.ended = self.ended, None
        self.phase, self.container_id, self.started_s = Phase.RUNNING, container_id, now.s
        self.ready = False
        self.waits_s = 0
        self.plan(now.ns, script)

    def plan(self, started_ns: int, script: Script) -> None:
        """Set what becomes of the run under way, which began then."""
        run = script.run(self.name, self.restarts, init=self.role is Role.INIT)
        self._turns = 0
        self.end_ns = NEVER if run.ends_after_ns is None else started_ns + run.ends_after_ns
        self.exit_code = run.exit_code
        if self.role is Role.INIT:
            self.ready, self.turn_ns = False, NEVER
        elif self.ready:
            self.turn_ns = NEVER
        else:
            self.turn_ns = started_ns + run.ready_after_ns
        self._find_due()

    def turn(self, now: Moment, script: Script) -> None:
        """Become ready, or unready."""
        self.ready = not self.ready
        self._next_turn(now.ns, script)
        self._find_due()

    def _next_turn(self, from_ns: int, script: Script) -> None:
        spans = script.unready(self.name, self.restarts, self._turns // 2)
        self._turns += 1
        if spans is None:
            self.turn_ns = NEVER
        else:
            self.turn_ns = from_ns + spans[0 if self.ready else 1]

    def end(self, now: Moment, *, again: bool, exit_code: int, reason: str = "") -> None:
        """End the run; ``again`` when it is to be started once more, after its back-off."""
        self.ended = Ending(exit_code, self.started_s, now.s, self.container_id, reason)
        self.ready = False
        self.end_ns = self.turn_ns = self.due_ns = NEVER
        self.phase = Phase.ENDED
        if again:
            self.phase = Phase.WAITING
            self.waits_s = self._wait_s(now)
            self.due_ns = now.ns + self.waits_s * 10**9

    def resume(self, now: Moment, script: Script) -> None:
        """Take up a run that began in an earlier life of this process; what it missed is due."""
        started_ns = now.from_seconds(self.started_s)
        self.replan(started_ns, now, script)
        self._recall_backoff(started_ns)

    def replan(self, started_ns: int, now: Moment, script: Script) -> None:
        """Have the run under way go on as a script has it; one that is ready stays so for now."""
        self.plan(started_ns, script)
        if self.ready:
            self._next_turn(now.ns, script)
            self._find_due()

    def wait_on(self, now: Moment) -> None:
        """Take up a wait for a restart that began in an earlier life of this process."""
        ended = self.ended
        assert ended is not None
        self._recall_backoff(now.from_seconds(ended.started_s))
        lasted_s = ended.finished_s - ended.started_s
        self.waits_s = self.backoff_s if lasted_s <= BACKOFF_RESET_S else 0
        self.phase = Phase.WAITING
        self.due_ns = max(now.from_seconds(ended.finished_s + self.waits_s), now.ns)

    def _recall_backoff(self, started_ns: int) -> None:
        """Set the back-off, which is in no status, to what it is had it doubled each time."""
        doubled = BACKOFF_S << min(max(self.restarts - 1, 0), 10)
        self.backoff_s = min(doubled, BACKOFF_S_MAX) if self.restarts else 0
        self._backoff_from_ns = started_ns

    def _find_due(self) -> None:
        self.due_ns = min(self.end_ns, self.turn_ns)

    def _expired(self, now: Moment) -> bool:
        return now.ns - self._backoff_from_ns > BACKOFF_RESET_S * 10**9

    def _wait_s(self, now: Moment) -> int:
        return 0 if self._expired(now) else self.backoff_s

    def _back_off(self, now: Moment) -> None:
        """Set how long the next restart but this one will wait."""
        if not self.backoff_s or self._expired(now):
            self.backoff_s = BACKOFF_S
        else:
            self.backoff_s = min(self.backoff_s * 2, BACKOFF_S_MAX)
        self._backoff_from_ns = now.ns
