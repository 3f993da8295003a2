"""The one judge of all faults: holds what clients were told against what is there, and was watched.

Every rule has a planted falsehood in ``test_oracle`` that it must find.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.faults.records import (
    Acknowledged,
    Asked,
    Begun,
    Counted,
    Ended,
    Ending,
    Entry,
    Opened,
    Part,
    Reached,
    Read,
    Refused,
    Told,
    maker_of,
)

RULES: Final = {
    "lost": "an acknowledged write is there, at its revision, until another replaces it",
    "refused": "a refused write is nowhere, at no time",
    "phantom": "what is there, told or read was written by somebody, whole",
    "twice": "a write happens once, at one revision",
    "reused": "a revision that anybody was told is never another write's",
    "back": "revisions grow: an answer's is above all that were told before its write was sent",
    "chain": "of two writes of one state of a key one is refused",
    "half": "a transaction happens as a whole, at one revision",
    "stale": "a read shows no older state than its reader knew before it asked",
    "order": "a watch tells revisions in their order, each change once, none before its start",
    "gap": "a watch leaves out nothing between its start and what it has reached",
    "stuck": "a watch reaches the end, or is ended with an error that the store declares",
    "alarm": "a store that refuses writes says so, reads on, and recovers by itself",
    "stalls": "reads do not wait for syncs",
    "groups": "writes that wait for a sync share the next one",
    "lives": "a key with a TTL lives as long, not less, and not for ever",
    "disturbed": "no client's write is lost by what another's connection does",
    "leak": "a server holds nothing of connections that are gone",
    "early": "no answer comes before the sync that covers it",
}


class Violation(NamedTuple):
    """A promise that was broken."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


@dataclass(slots=True)
class _Fate:
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
        return self.revision or self.seen


@dataclass(slots=True)
class _Story:
    """A watch."""

    prefix: bytes
    after: int
    reached: int
    told: list[Told] = field(default_factory=list)
    ended: str = ""


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
        self._sync_ns = sync_ns
        self._fates: dict[int, _Fate] = {}
        self._stories: dict[str, list[_Story]] = {}
        self._asked: dict[int, tuple[bytes, int]] = {}
        self._reads: list[tuple[bytes, int, Read]] = []
        self._known = 0
        self._newest: dict[bytes, int] = {}
        """The highest acknowledged or read revision of each key, deletions' included."""
        self._open: list[_Fate] = []
        """Whose fate nobody was told."""
        self._ttls: set[bytes] = set()
        """Keys that may end by themselves."""
        self._settled = 1 << 62
        """Up to where the load waited for its watches; keys may end by themselves after it."""
        self._found: list[Violation] = []

    def judge(self, entries: Iterable[Entry], ending: Ending) -> list[Violation]:
        """Return every broken promise."""
        for entry in entries:
            self._take(entry)
        self._open = [f for f in self._fates.values() if not f.revision and not f.refused]
        self._witness(ending)
        timeline = self._timeline()
        states = self._replay(timeline)
        self._judge_ending(states, ending)
        self._judge_reads(timeline)
        self._judge_stories(timeline, min(ending.revision, self._settled))
        return self._found

    @property
    def acknowledged(self) -> int:
        """How many writes were acknowledged."""
        return sum(1 for fate in self._fates.values() if fate.revision)

    @property
    def unknown(self) -> int:
        """How many writes had no answer."""
        return len(self._open)

    @property
    def refused(self) -> int:
        """How many writes were refused."""
        return sum(1 for fate in self._fates.values() if fate.refused)

    @property
    def told(self) -> int:
        """How many changes watches told."""
        return sum(len(each.told) for parts in self._stories.values() for each in parts)

    def _say(self, rule: str, what: str) -> None:
        assert rule in RULES
        self._found.append(Violation(rule, what))

    def _take(self, entry: Entry) -> None:
        match entry:
            case Begun():
                self._fates[entry.number] = _Fate(entry, self._known)
                if entry.ttl_s:
                    self._ttls.update(part.key for part in entry.parts)
            case Acknowledged():
                self._acknowledge(entry)
            case Refused():
                self._fates[entry.number].refused = entry.why
            case Asked():
                self._asked[entry.number] = (entry.key, self._newest.get(entry.key, 0))
            case Read():
                key, floor = self._asked.pop(entry.number)
                self._reads.append((key, floor, entry))
                self._newest[key] = max(self._newest.get(key, 0), entry.revision)
                self._known = max(self._known, entry.revision)
            case Opened() | Told() | Reached() | Ended():
                self._watch(entry)
            case Counted():
                self._settled = entry.revision
            case _:
                pass

    def _acknowledge(self, entry: Acknowledged) -> None:
        fate = self._fates[entry.number]
        fate.revision = entry.revision
        if entry.revision <= fate.known:
            self._say("back", f"{entry} though {fate.known} had been told before it was sent")
        if entry.at_ns - fate.begun.at_ns < self._sync_ns:
            late_ms = (entry.at_ns - fate.begun.at_ns) / 1e6
            self._say("early", f"{entry} after {late_ms:.1f} ms")
        self._known = max(self._known, entry.revision)
        for part in fate.begun.parts:
            self._newest[part.key] = max(self._newest.get(part.key, 0), entry.revision)

    def _watch(self, entry: Opened | Told | Reached | Ended) -> None:
        parts = self._stories.setdefault(entry.story, [])
        if isinstance(entry, Opened):
            if parts and not parts[-1].ended and parts[-1].reached == entry.after:
                return  # it goes on where it was: one story
            parts.append(_Story(entry.prefix, entry.after, entry.after))
            return
        story = parts[-1]
        if isinstance(entry, Ended):
            story.ended = entry.why
            return
        self._known = max(self._known, entry.revision)
        if isinstance(entry, Told):
            self._judge_order(entry, story)
            story.told.append(entry)
        story.reached = max(story.reached, entry.revision)

    def _judge_order(self, told: Told, story: _Story) -> None:
        last = story.told[-1] if story.told else None
        if told.revision <= story.after:
            self._say("order", f"{told} though it began after {story.after}")
        elif last is not None and told.revision < last.revision:
            self._say("order", f"{told} after {last.revision}")
        elif told.revision < story.reached:
            self._say("order", f"{told} after it had reached {story.reached}")
        elif last is not None and (told.revision, told.key) == (last.revision, last.key):
            self._say("order", f"{told} again")

    def _witness(self, ending: Ending) -> None:
        """Find out which unknown writes happened, from all who saw anything."""
        for key, item in ending.items.items():
            self._saw(key, item.value, item.revision, "at the end")
        for key, _, read in self._reads:
            if read.value is not None:
                self._saw(key, read.value, read.revision, "a read")
        for name, parts in self._stories.items():
            for story in parts:
                for told in story.told:
                    if told.value is not None:
                        self._saw(told.key, told.value, told.revision, f"watch {name}")
        for name, parts in self._stories.items():
            for story in parts:
                self._deletions(name, story.told)

    def _saw(self, key: bytes, value: bytes, revision: int, who: str) -> None:
        fate = self._fates.get(maker_of(value))
        shown = f"{who}: {key!r} is {value[:24]!r} at {revision}"
        if fate is None or (key, value) not in [(p.key, p.value) for p in fate.begun.parts]:
            self._say("phantom", f"{shown}, which nobody wrote")
        elif fate.refused:
            self._say("refused", f"{shown}, whose write was refused: {fate.refused}")
        elif fate.happened and fate.happened != revision:
            self._say("twice", f"{shown}, which happened at {fate.happened}")
        else:
            fate.seen = revision

    def _deletions(self, who: str, told: list[Told]) -> None:
        """Find who made each deletion that was watched."""
        at: dict[bytes, int] = {}
        done = {
            (fate.revision, part.key)
            for fate in self._fates.values()
            if fate.revision
            for part in fate.begun.parts
            if part.value is None
        }
        for each in told:
            on, at[each.key] = at.get(each.key, 0), each.revision if each.value is not None else 0
            if each.value is not None or (each.revision, each.key) in done:
                continue
            maker = self._deleter(each, on)
            if maker is not None:
                maker.seen = each.revision
            elif each.key not in self._ttls:
                self._say("phantom", f"watch {who}: {each.key!r} was deleted at {each.revision}")

    def _deleter(self, told: Told, on: int) -> _Fate | None:
        """Return the unknown write that may have made a deletion; ``on`` 0: of whatever state."""
        fits = [
            fate
            for fate in self._open
            if fate.seen in (0, told.revision)
            for part in fate.begun.parts
            if part.key == told.key and part.value is None and on in (0, part.on)
        ]
        return next((fate for fate in fits if fate.seen), fits[0] if fits else None)

    def _timeline(self) -> dict[int, _Fate]:
        """Return who wrote each revision that is known."""
        timeline: dict[int, _Fate] = {}
        for fate in sorted(self._fates.values(), key=lambda fate: fate.happened):
            if not fate.happened:
                continue
            other = timeline.setdefault(fate.happened, fate)
            if other is not fate:
                self._say("reused", f"{fate.begun} and {other.begun} are both at {fate.happened}")
        return timeline

    def _replay(self, timeline: dict[int, _Fate]) -> dict[bytes, _Key]:
        """Follow each key through its writes; return how each ends."""
        keys: dict[bytes, _Key] = {}
        for revision, fate in timeline.items():
            for part in fate.begun.parts:
                state = keys.setdefault(part.key, _Key())
                if part.on != state.revision and not self._between(part, state):
                    self._say(
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
            for part in fate.begun.parts
            if part.key == key and part.on == on
        ]

    def _judge_ending(self, states: dict[bytes, _Key], ending: Ending) -> None:
        if ending.revision < self._known:
            self._say("back", f"the end is at {ending.revision}, {self._known} had been told")
        for key, state in states.items():
            item = ending.items.get(key)
            if item is None:
                gone = [each for each in self._open_parts(key, state.revision) if not each.value]
                if state.value is not None and not state.ttl and not gone:
                    self._say("lost", f"{key!r} of {state.revision} is not there at the end")
            elif item.revision != state.revision:
                self._say(
                    "lost", f"{key!r} is at {item.revision} at the end, not at {state.revision}"
                )
        self._judge_wholeness(ending)

    def _judge_wholeness(self, ending: Ending) -> None:
        """A write of several keys that was seen is there with each of them that stayed."""
        for fate in self._fates.values():
            if len(fate.begun.parts) == 1 or not fate.happened:
                continue
            for name, parts in self._stories.items():
                for story in parts:
                    self._judge_half(fate, name, story)
            shown = [ending.items.get(part.key) for part in fate.begun.parts]
            older = [i for i in shown if i is not None and i.revision < fate.happened]
            if older:
                self._say("half", f"{fate.begun}, of {fate.happened}: there is also {older[0]}")

    def _judge_half(self, fate: _Fate, name: str, story: _Story) -> None:
        revision = fate.happened
        if not story.after < revision <= story.reached:
            return
        wanted = {part.key for part in fate.begun.parts if part.key.startswith(story.prefix)}
        got = {told.key for told in story.told if told.revision == revision}
        if got and got != wanted:
            self._say("half", f"watch {name}: {sorted(wanted - got)} are missing at {revision}")

    def _judge_reads(self, timeline: dict[int, _Fate]) -> None:
        removals: dict[bytes, list[int]] = {}
        for revision, fate in timeline.items():
            for part in fate.begun.parts:
                if part.value is None:
                    removals.setdefault(part.key, []).append(revision)
        for key, floor, read in self._reads:
            if read.value is not None and read.revision < floor:
                self._say("stale", f"{key!r} read at {read.revision}, {floor} was known")
            elif read.value is None and floor:
                gone = [each for each in removals.get(key, ()) if each >= floor]
                maybe = any(not part.value for part in self._open_parts(key, floor))
                if not gone and not maybe and key not in self._ttls:
                    self._say("stale", f"{key!r} read as missing, {floor} was known")

    def _judge_stories(self, timeline: dict[int, _Fate], last: int) -> None:
        changes: Sequence[tuple[int, bytes]] = [
            (revision, part.key) for revision, fate in timeline.items() for part in fate.begun.parts
        ]
        for name, parts in self._stories.items():
            for story in parts:
                told = {(each.revision, each.key) for each in story.told}
                for revision, key in changes:
                    within = story.after < revision <= story.reached
                    if within and key.startswith(story.prefix) and (revision, key) not in told:
                        self._say("gap", f"watch {name} left out {key!r} at {revision}")
            self._judge_end(name, parts, last)

    def _judge_end(self, name: str, parts: list[_Story], last: int) -> None:
        for story in parts:
            if story.ended and story.ended not in self._ends:
                self._say("stuck", f"watch {name} was ended by {story.ended}")
        if not parts[-1].ended and parts[-1].reached < last:
            self._say("stuck", f"watch {name} came to {parts[-1].reached} of {last}")
