"""What becomes of an event before it is told: counted, combined with its like, or withheld. Pure.

As client-go's recorders do it (tools/record/events_cache.go, whose numbers these are), so that a
controller of 250 pods reports no more here than it does there:

- the same event on the same object again raises the count of the first (one PUT each);
- of events on one object that differ in their message alone, from the tenth within ten minutes on
  all are told as one, ``(combined from similar events): ...``;
- a source tells 25 events about an object at once, then one every five minutes: the rest is
  withheld. Their counts go on, and show when one is told again.

Worked example, a controller that makes 250 pods: nine events ``Created pod: x``, then the tenth as
a combined one, its count raised 15 times; 225 are withheld.

What is known is forgotten object by object, the one that was heard of longest ago first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

OBJECTS_MAX: Final = 4096
"""How many objects are remembered (client-go: as many entries)."""
SIMILAR_MAX: Final = 10
SIMILAR_S: Final = 600.0
BURST: Final = 25
REFILL_S: Final = 300.0
SERIES_MAX: Final = 64
"""How many events are remembered of one object: six an hour may be told that are all new."""
COMBINED: Final = "(combined from similar events): "


class About(NamedTuple):
    """Who speaks of which object."""

    host: str
    kind: str
    namespace: str
    name: str
    uid: str


class Text(NamedTuple):
    """What is said of it."""

    reason: str
    message: str
    field: str = ""
    """The path of the part that is meant, as ``fieldPath``."""
    warning: bool = False


class Series:
    """An event and its repetitions: one object in the API."""

    __slots__ = ("busy", "count", "first_s", "name", "resource_version")

    def __init__(self, now_s: int) -> None:
        self.count = 0
        self.first_s = now_s
        self.name = ""
        """Of its object, once it is there."""
        self.resource_version = ""
        self.busy = False
        """Whether it is being written: one write at a time, or they would be conflicts."""


class Told(NamedTuple):
    """What is to be told now."""

    series: Series
    times: int
    message: str


class _Known:
    """What was said of one object by one source."""

    __slots__ = ("at_s", "recent", "series", "tokens")

    def __init__(self, now_s: float) -> None:
        self.tokens = float(BURST)
        self.at_s = now_s
        self.series: dict[Text, Series] = {}
        self.recent: dict[tuple[str, bool], tuple[float, tuple[str, ...]]] = {}
        """By reason and type: when last, and the messages."""

    def combined(self, text: Text, now_s: float) -> Text:
        """Return the text that an event is told with, and its series known by."""
        alike = (text.reason, text.warning)
        last_s, messages = self.recent.get(alike, (now_s, ()))
        if now_s - last_s > SIMILAR_S:
            messages = ()
        if text.message not in messages:
            if len(messages) + 1 >= SIMILAR_MAX:
                self.recent[alike] = (now_s, messages)
                return Text(text.reason, COMBINED, "", text.warning)
            messages = (*messages, text.message)
        self.recent[alike] = (now_s, messages)
        return text

    def may_tell(self, now_s: float) -> bool:
        """Take a token, if there is one."""
        earned = max(now_s - self.at_s, 0.0) / REFILL_S
        self.at_s = now_s
        self.tokens = min(self.tokens + earned, float(BURST))
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


class Correlator:
    """Judges the events of one recorder."""

    def __init__(self) -> None:
        self._known: OrderedDict[About, _Known] = OrderedDict()

    def judge(self, about: About, text: Text, now_s: float) -> Told | None:
        """Return what to tell of an event, None if nothing."""
        known = self._known.get(about)
        if known is None:
            known = self._known[about] = _Known(now_s)
            if len(self._known) > OBJECTS_MAX:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(about)
        told = known.combined(text, now_s)
        series = known.series.get(told)
        if not known.may_tell(now_s):
            if series is not None:
                series.count += 1
            return None
        if series is None:
            if len(known.series) >= SERIES_MAX:
                del known.series[next(iter(known.series))]
            series = known.series[told] = Series(int(now_s))
        series.count += 1
        message = text.message if told is text else COMBINED + text.message
        return Told(series, series.count, message)

    def __len__(self) -> int:
        return len(self._known)
