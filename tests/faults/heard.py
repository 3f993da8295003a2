"""What entries say, one after another: the writes and their fates, the watches, the reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.records import (
    Acknowledged,
    Asked,
    Begun,
    Counted,
    Ended,
    Entry,
    Opened,
    Part,
    Reached,
    Read,
    Refused,
    Told,
)
from tests.faults.rules import RULES, Violation


@dataclass(slots=True)
class Fate:
    """What became of a write, as far as its client was told."""

    begun: Begun
    known: int
    """The highest revision that anybody had been told when it was sent."""
    revision: int = 0
    """Where it was acknowledged; 0: it was not."""
    refused: str = ""
    seen: int = 0
    """Where a watch, a read or the end shows it."""

    @property
    def happened(self) -> int:
        """The revision at which it is known to have happened; 0: none."""
        return self.revision or self.seen

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it was to do."""
        return self.begun.parts


@dataclass(slots=True)
class Story:
    """A watch, from one opening to its end."""

    prefix: bytes
    after: int
    reached: int
    """Up to where it has told all: a process may die within a batch."""
    told: list[Told] = field(default_factory=list)
    ended: str = ""

    def goes_on(self, opened: Opened) -> bool:
        """Tell whether an opening is where this one was, so that it is one story."""
        within = bool(self.told) and self.told[-1].revision > self.reached
        return not self.ended and not within and self.reached == opened.after


class Answer(NamedTuple):
    """A read that was answered."""

    key: bytes
    floor: int
    """The highest revision of the key that an answer had told before it was asked."""
    read: Read


class Heard:
    """Takes entries in their order; what is wrong at once is among ``violations``."""

    def __init__(self, sync_ns: int = 0) -> None:
        """``sync_ns``: how long each sync takes."""
        self.fates: dict[int, Fate] = {}
        self.stories: dict[str, list[Story]] = {}
        self.answers: list[Answer] = []
        self.known = 0
        """The highest revision that anybody was told."""
        self.mortal: set[bytes] = set()
        """Keys that may end by themselves."""
        self.settled = 1 << 62
        """Up to where the load waited for its watches; keys may end by themselves after it."""
        self.violations: list[Violation] = []
        self._sync_ns = sync_ns
        self._asked: dict[int, tuple[bytes, int]] = {}
        self._newest: dict[bytes, int] = {}
        """The highest revision of each key that an answer has told, deletions' included."""

    def take(self, entries: Iterable[Entry]) -> None:
        """Take more entries."""
        for entry in entries:
            self._take(entry)

    @property
    def open_fates(self) -> list[Fate]:
        """The writes of which nobody was told the outcome."""
        return [each for each in self.fates.values() if not each.revision and not each.refused]

    def say(self, rule: str, what: str) -> None:
        """Note a broken promise."""
        assert rule in RULES
        self.violations.append(Violation(rule, what))

    def _take(self, entry: Entry) -> None:
        match entry:
            case Begun():
                self.fates[entry.number] = Fate(entry, self.known)
                if entry.ttl_s:
                    self.mortal.update(part.key for part in entry.parts)
            case Acknowledged():
                self._acknowledge(entry)
            case Refused():
                self.fates[entry.number].refused = entry.why
            case Asked():
                self._asked[entry.number] = (entry.key, self._newest.get(entry.key, 0))
            case Read():
                key, floor = self._asked.pop(entry.number)
                self.answers.append(Answer(key, floor, entry))
                self._newest[key] = max(self._newest.get(key, 0), entry.revision)
                self.known = max(self.known, entry.revision)
            case Opened() | Told() | Reached() | Ended():
                self._watch(entry)
            case Counted():
                self.settled = entry.revision
            case _:
                pass

    def _acknowledge(self, entry: Acknowledged) -> None:
        fate = self.fates[entry.number]
        fate.revision = entry.revision
        if entry.revision <= fate.known:
            self.say("back", f"{entry} though {fate.known} had been told before it was sent")
        took_ns = entry.at_ns - fate.begun.at_ns
        if took_ns < self._sync_ns:
            self.say("early", f"{entry} after {took_ns / 1e6:.1f} ms")
        self.known = max(self.known, entry.revision)
        for part in fate.parts:
            self._newest[part.key] = max(self._newest.get(part.key, 0), entry.revision)

    def _watch(self, entry: Opened | Told | Reached | Ended) -> None:
        parts = self.stories.setdefault(entry.story, [])
        if isinstance(entry, Opened):
            if parts and parts[-1].goes_on(entry):
                return
            parts.append(Story(entry.prefix, entry.after, entry.after))
            return
        story = parts[-1]
        if isinstance(entry, Ended):
            story.ended = entry.why
            return
        self.known = max(self.known, entry.revision)
        if isinstance(entry, Told):
            self._judge_order(entry, story)
            story.told.append(entry)
        else:
            story.reached = max(story.reached, entry.revision)

    def _judge_order(self, told: Told, story: Story) -> None:
        last = story.told[-1] if story.told else None
        if told.revision <= story.after:
            self.say("order", f"{told} though it began after {story.after}")
        elif last is not None and told.revision < last.revision:
            self.say("order", f"{told} after {last.revision}")
        elif told.revision <= story.reached:
            self.say("order", f"{told} after it had reached {story.reached}")
        elif last is not None and (told.revision, told.key) == (last.revision, last.key):
            self.say("order", f"{told} again")
