"""Progress: a bar on a terminal, plain lines otherwise; both on standard error."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.remaining import Lasted, Present, remaining_s, told
from bench.results import Config
from storage.clock import Clock

LINE_INTERVAL_S: Final = 5.0
"""How often a phase that goes on says so where there is no terminal."""
REFRESH_HZ: Final = 4
"""The bar is drawn on the machine that is being measured: seldom is enough."""

SAYINGS: Final = {
    "start": "starting the plane",
    "fill": "pods running",
    "steady": "pods running, probes too",
    "churn": "seconds of churn",
    "settle": "pods running, after the churn",
    "audit": "auditing",
    "delete": "pods deleted",
    "stop": "stopping the plane",
    "history": "checking the history",
}


class Narrator:
    """Tells how a run goes on. Inside ``with``."""

    def __init__(self, clock: Clock, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._clock = clock
        self._title = ""
        self._config: Config | None = None
        self._phase = ""
        self._phase_ns = 0
        self._lasted: list[Lasted] = []
        self._next_line_ns = 0
        self._progress: Progress | None = None
        if self.console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.fields[title]}"),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=self.console,
                refresh_per_second=REFRESH_HZ,
                transient=True,
            )
            self._task = self._progress.add_task("", total=None, title="", left="")

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def entitle(self, title: str, config: Config | None = None) -> None:
        """Put something in front of what follows; with a run's config the time left is told."""
        self._title = title
        self._config = config
        self._phase = ""
        self._lasted = []

    def note(self, text: str) -> None:
        """Say something once."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def hear(self, said: dict[str, object]) -> None:
        """Take a line of the measuring process."""
        if "note" in said:
            self.note(str(said["note"]))
        phase, done, total = said.get("phase"), said.get("done"), said.get("total")
        if isinstance(phase, str) and isinstance(done, int) and isinstance(total, int):
            self._show(phase, done, total)

    def _show(self, phase: str, done: int, total: int) -> None:
        saying = SAYINGS.get(phase, phase)
        now_ns = self._clock.stamp_ns()
        changed = phase != self._phase
        if changed:
            if self._phase:
                self._lasted.append(Lasted(self._phase, (now_ns - self._phase_ns) / 1e9))
            self._phase, self._phase_ns = phase, now_ns
        left = self._left(Present(phase, (now_ns - self._phase_ns) / 1e9, done, total))
        if self._progress is not None:
            self._progress.update(
                self._task,
                description=saying,
                completed=done,
                total=total,
                title=self._title,
                left=left,
            )
            return
        if not changed and now_ns < self._next_line_ns:
            return
        self._next_line_ns = now_ns + int(LINE_INTERVAL_S * 1e9)
        count = f" {done}/{total}" if total > 1 else ""
        said = f", {left}" if left else ""
        self.note(f"{self._title}{': ' if self._title else ''}{saying}{count}{said}")

    def _left(self, now: Present) -> str:
        if self._config is None:
            return ""
        return told(remaining_s(self._config, self._lasted, now))
