"""The one judge of all faults: holds what clients were told against what is there, and was watched.

Every rule has a planted falsehood in ``test_oracle`` or ``test_pace`` that it must find.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.faults.heard import Fate, Heard, Story
from tests.faults.records import Ending, Entry, Part
from tests.faults.rules import Violation
from tests.faults.witnesses import timeline


@dataclass(slots=True)
class _Key:
    """The state that the history of a key leads to."""

    revision: int = 0
    value: bytes | None = None
    ttl: bool = False


class Oracle:
    """Takes the entries in their order, then the end; returns what was broken."""

    def __init__(self, *, ends: Iterable[str] = (), sync_ns: int = 0) -> None:
        """``ends``: errors that may end a watch. ``sync_ns``: how long each sync takes."""
        self._ends = frozenset(ends)
        self._heard = Heard(sync_ns)
        self._open: list[Fate] = []
        """Whose fate nobody was told."""

    def judge(self, entries: Iterable[Entry], ending: Ending) -> list[Violation]:
        """Return every broken promise."""
        heard = self._heard
        heard.take(entries)
        self._open = heard.open_fates
        history = timeline(heard, ending)
        states = self._replay(history)
        self._judge_ending(states, ending)
        self._judge_reads(history)
        self._judge_stories(history, min(ending.revision, heard.settled))
        return heard.violations

    @property
    def acknowledged(self) -> int:
        """How many writes were acknowledged."""
        return sum(1 for fate in self._heard.fates.values() if fate.revision)

    @property
    def unknown(self) -> int:
        """How many writes had no answer."""
        return len(self._open)

    @property
    def refused(self) -> int:
        """How many writes were refused."""
        return sum(1 for fate in self._heard.fates.values() if fate.refused)

    @property
    def told(self) -> int:
        """How many changes watches told."""
        return sum(len(each.told) for parts in self._heard.stories.values() for each in parts)

    def _replay(self, timeline: dict[int, Fate]) -> dict[bytes, _Key]:
        """Follow each key through its writes; return how each ends."""
        keys: dict[bytes, _Key] = {}
        for revision, fate in timeline.items():
            for part in fate.parts:
                state = keys.setdefault(part.key, _Key())
                if part.on != state.revision and not self._between(part, state):
                    self._heard.say(
                        "chain",
                        f"{part.key!r} was at {state.revision} when write {fate.begun.number} "
                        f"replaced {part.on} at {revision}",
                    )
                gone = part.value is None
                state.revision, state.value = (0 if gone else revision), part.value
                state.ttl = bool(fate.begun.ttl_s)
        return keys

    def _between(self, part: Part, state: _Key) -> bool:
        """Tell whether something that nobody saw may have led from a state to another."""
        if part.on == 0 and state.ttl:
            return True
        return any(
            other.value is None if part.on == 0 else other.value is not None
            for other in self._open_parts(part.key, state.revision)
        )

    def _open_parts(self, key: bytes, on: int) -> list[Part]:
        """Return what writes of unknown fate, seen by nobody, would do to a state of a key."""
        return [
            part
            for fate in self._open
            if not fate.seen
            for part in fate.parts
            if part.key == key and part.on == on
        ]

    def _judge_ending(self, states: dict[bytes, _Key], ending: Ending) -> None:
        if ending.revision < self._heard.known:
            self._heard.say(
                "back", f"the end is at {ending.revision}, {self._heard.known} had been told"
            )
        for key, state in states.items():
            item = ending.items.get(key)
            if item is None:
                gone = [each for each in self._open_parts(key, state.revision) if not each.value]
                if state.value is not None and not state.ttl and not gone:
                    self._heard.say("lost", f"{key!r} of {state.revision} is not there at the end")
            elif item.revision != state.revision:
                self._heard.say(
                    "lost", f"{key!r} is at {item.revision} at the end, not at {state.revision}"
                )
        self._judge_wholeness(ending)

    def _judge_wholeness(self, ending: Ending) -> None:
        """A write of several keys that was seen is there with each of them that stayed."""
        for fate in self._heard.fates.values():
            if len(fate.parts) == 1 or not fate.happened:
                continue
            for name, parts in self._heard.stories.items():
                for story in parts:
                    self._judge_half(fate, name, story)
            shown = [ending.items.get(part.key) for part in fate.parts]
            older = [i for i in shown if i is not None and i.revision < fate.happened]
            if older:
                self._heard.say(
                    "half", f"{fate.begun}, of {fate.happened}: there is also {older[0]}"
                )

    def _judge_half(self, fate: Fate, name: str, story: Story) -> None:
        revision = fate.happened
        if not story.after < revision <= story.reached:
            return
        wanted = {part.key for part in fate.parts if part.key.startswith(story.prefix)}
        got = {told.key for told in story.told if told.revision == revision}
        if got and got != wanted:
            self._heard.say(
                "half", f"watch {name}: {sorted(wanted - got)} are missing at {revision}"
            )

    def _judge_reads(self, timeline: dict[int, Fate]) -> None:
        removals: dict[bytes, list[int]] = {}
        for revision, fate in timeline.items():
            for part in fate.parts:
                if part.value is None:
                    removals.setdefault(part.key, []).append(revision)
        for key, floor, read in self._heard.answers:
            if read.value is not None and read.revision < floor:
                self._heard.say("stale", f"{key!r} read at {read.revision}, {floor} was known")
            elif read.value is None and floor:
                gone = [each for each in removals.get(key, ()) if each >= floor]
                maybe = any(not part.value for part in self._open_parts(key, floor))
                if not gone and not maybe and key not in self._heard.mortal:
                    self._heard.say("stale", f"{key!r} read as missing, {floor} was known")

    def _judge_stories(self, timeline: dict[int, Fate], last: int) -> None:
        changes: Sequence[tuple[int, bytes]] = [
            (revision, part.key) for revision, fate in timeline.items() for part in fate.parts
        ]
        for name, parts in self._heard.stories.items():
            for story in parts:
                told = {(each.revision, each.key) for each in story.told}
                for revision, key in changes:
                    within = story.after < revision <= story.reached
                    if within and key.startswith(story.prefix) and (revision, key) not in told:
                        self._heard.say("gap", f"watch {name} left out {key!r} at {revision}")
            self._judge_end(name, parts, last)

    def _judge_end(self, name: str, parts: list[Story], last: int) -> None:
        for story in parts:
            if story.ended and story.ended not in self._ends:
                self._heard.say("stuck", f"watch {name} was ended by {story.ended}")
        if not parts[-1].ended and parts[-1].reached < last:
            self._heard.say("stuck", f"watch {name} came to {parts[-1].reached} of {last}")
