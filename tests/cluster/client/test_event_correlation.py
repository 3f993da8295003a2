"""What recorders tell, combine and withhold, over time."""

from __future__ import annotations

from cluster.client.event_correlation import (
    BURST,
    COMBINED,
    OBJECTS_MAX,
    REFILL_S,
    SERIES_MAX,
    SIMILAR_S,
    About,
    Correlator,
    Text,
    Told,
)

RC = About("", "ReplicationController", "ns", "rc", "u")


def tell(correlator: Correlator, messages: list[str], now_s: float = 0.0) -> list[Told | None]:
    return [correlator.judge(RC, Text("Created", message), now_s) for message in messages]


def said(told: list[Told | None]) -> list[tuple[str, int] | None]:
    return [None if each is None else (each.message, each.times) for each in told]


def names(first: int, count: int) -> list[str]:
    return [str(number) for number in range(first, first + count)]


def test_same_event_again_raises_its_count() -> None:
    correlator = Correlator()

    told = tell(correlator, ["a", "a", "b", "a"])

    assert said(told) == [("a", 1), ("a", 2), ("b", 1), ("a", 3)]
    assert told[0] is not None
    assert told[3] is not None
    assert told[0].series is told[3].series


def test_tenth_similar_event_is_combined() -> None:
    correlator = Correlator()

    told = said(tell(correlator, names(0, 12)))

    assert told[:9] == [(str(n), 1) for n in range(9)]
    assert told[9:] == [(f"{COMBINED}9", 1), (f"{COMBINED}10", 2), (f"{COMBINED}11", 3)]


def test_event_told_before_is_not_combined() -> None:
    correlator = Correlator()

    told = said(tell(correlator, [*names(0, 10), "3"]))

    assert told[-1] == ("3", 2)


def test_after_ten_quiet_minutes_nothing_is_similar() -> None:
    correlator = Correlator()
    tell(correlator, names(0, 12))

    told = said(tell(correlator, ["x"], SIMILAR_S + 1))

    assert told == [("x", 1)]


def test_other_reasons_and_types_are_not_similar() -> None:
    correlator = Correlator()
    tell(correlator, names(0, 12))

    deleted = correlator.judge(RC, Text("Deleted", "0"), 0.0)
    warned = correlator.judge(RC, Text("Created", "0", warning=True), 0.0)

    assert said([deleted, warned]) == [("0", 1), ("0", 1)]


def test_beyond_the_burst_one_is_told_every_five_minutes_with_the_count_of_all() -> None:
    correlator = Correlator()

    told = said(tell(correlator, ["a"] * (BURST + 10)))
    later = said(tell(correlator, ["a", "a"], REFILL_S))

    assert told == [("a", n + 1) for n in range(BURST)] + [None] * 10
    assert later == [("a", BURST + 11), None]


def test_burst_is_of_one_object_and_source() -> None:
    correlator = Correlator()
    tell(correlator, ["a"] * BURST)

    other = correlator.judge(RC._replace(uid="v"), Text("Created", "a"), 0.0)
    host = correlator.judge(RC._replace(host="h"), Text("Created", "a"), 0.0)

    assert said([other, host]) == [("a", 1), ("a", 1)]


def test_objects_heard_of_longest_ago_are_forgotten() -> None:
    correlator = Correlator()
    for number in range(OBJECTS_MAX):
        correlator.judge(RC._replace(uid=str(number)), Text("Created", "a"), 0.0)
    correlator.judge(RC._replace(uid="0"), Text("Created", "a"), 0.0)

    correlator.judge(RC._replace(uid="new"), Text("Created", "a"), 0.0)

    kept = correlator.judge(RC._replace(uid="0"), Text("Created", "a"), 0.0)
    forgotten = correlator.judge(RC._replace(uid="1"), Text("Created", "a"), 0.0)
    assert len(correlator) == OBJECTS_MAX
    assert said([kept, forgotten]) == [("a", 3), ("a", 1)]


def test_object_that_tells_something_new_for_days_is_remembered_within_bounds() -> None:
    correlator, count = Correlator(), 10 * SERIES_MAX
    told = [tell(correlator, [str(n)], n * (SIMILAR_S + 1))[0] for n in range(count)]

    again = tell(correlator, ["0", str(count - 1)], count * SIMILAR_S + count)

    assert said(told) == [(str(n), 1) for n in range(count)]
    assert said(again) == [("0", 1), (str(count - 1), 2)]
