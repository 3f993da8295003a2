"""Which writes of unknown outcome happened, by all who saw anything; so who wrote what, when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from tests.faults.heard import Fate, Heard
from tests.faults.records import Ending, Told, maker_of


def timeline(heard: Heard, ending: Ending) -> dict[int, Fate]:
    """Return who wrote each revision that is known, in order; say what nobody can have written."""
    for who, key, value, revision in _sightings(heard, ending):
        _saw(heard, who, key, value, revision)
    _find_deleters(heard)
    found: dict[int, Fate] = {}
    for fate in sorted(heard.fates.values(), key=lambda fate: fate.happened):
        if not fate.happened:
            continue
        other = found.setdefault(fate.happened, fate)
        if other is not fate:
            heard.say("reused", f"{fate.begun} and {other.begun} are both at {fate.happened}")
    return found


def _sightings(heard: Heard, ending: Ending) -> Iterator[tuple[str, bytes, bytes, int]]:
    """Yield who saw which key with which value at which revision."""
    for key, item in ending.items.items():
        yield "at the end", key, item.value, item.revision
    for key, _, read in heard.answers:
        if read.value is not None:
            yield "a read", key, read.value, read.revision
    for name, told in _told(heard):
        if told.value is not None:
            yield f"watch {name}", told.key, told.value, told.revision


def _told(heard: Heard) -> Iterator[tuple[str, Told]]:
    for name, parts in heard.stories.items():
        for story in parts:
            for told in story.told:
                yield name, told


def _saw(heard: Heard, who: str, key: bytes, value: bytes, revision: int) -> None:
    fate = heard.fates.get(maker_of(value))
    shown = f"{who}: {key!r} is {value[:24]!r} at {revision}"
    if fate is None or (key, value) not in [(part.key, part.value) for part in fate.parts]:
        heard.say("phantom", f"{shown}, which nobody wrote")
    elif fate.refused:
        heard.say("refused", f"{shown}, whose write was refused: {fate.refused}")
    elif fate.happened and fate.happened != revision:
        heard.say("twice", f"{shown}, which happened at {fate.happened}")
    else:
        fate.seen = revision


def _find_deleters(heard: Heard) -> None:
    """Find who made each deletion that was watched."""
    at = {fate.happened: fate for fate in heard.fates.values() if fate.happened}
    states: dict[bytes, list[int]] = {}
    for revision in sorted(at):
        for part in at[revision].parts:
            if part.value is not None:
                states.setdefault(part.key, []).append(revision)
    together: dict[int, set[bytes]] = {}
    for _, told in _told(heard):
        together.setdefault(told.revision, set()).add(told.key)
    unknown = heard.open_fates
    for name, told in _told(heard):
        maker = at.get(told.revision)
        if told.value is not None or (maker is not None and _deletes(maker, told.key, None)):
            continue
        before = states.get(told.key, [])
        place = bisect_left(before, told.revision)
        on = before[place - 1] if place else None
        fits = [f for f in unknown if not f.seen and _deletes(f, told.key, on)]
        # Of two that deleted the same state one may have been to delete others with it.
        fits.sort(key=lambda fate: {p.key for p in fate.parts} != together[told.revision])
        if fits and maker is None:
            fits[0].seen = told.revision
            at[told.revision] = fits[0]
        elif told.key not in heard.mortal:
            heard.say("phantom", f"watch {name}: {told.key!r} was deleted at {told.revision}")


def _deletes(fate: Fate, key: bytes, on: int | None) -> bool:
    """Tell whether a write is to delete a key, in its state of ``on`` (None: in any)."""
    return any(p.key == key and p.value is None and on in (None, p.on) for p in fate.parts)
