"""Every rule of the oracle finds a planted falsehood, and a true history breaks none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.faults.oracle import Oracle
from tests.faults.records import (
    PREFIX,
    Acknowledged,
    Asked,
    Begun,
    Died,
    Ended,
    Ending,
    Entry,
    Item,
    Opened,
    Part,
    Reached,
    Read,
    Refused,
    Told,
    Unknown,
    decode,
    encode,
    maker_of,
    value_of,
)
from tests.faults.rules import RULES

A, B = PREFIX + b"a", PREFIX + b"b"
SYNC_NS = 5


def put(number: int, key: bytes, on: int) -> Begun:
    return Begun(10 * number, number, (Part(key, value_of(number), on),))


def told(revision: int, key: bytes, number: int | None, story: str = "w") -> Told:
    return Told(0, story, revision, key, None if number is None else value_of(number))


def item(number: int, revision: int) -> Item:
    return Item(value_of(number), revision)


PAIR = Begun(70, 7, (Part(A, value_of(7), 0), Part(B, value_of(7, 1), 4)))

TRUE: list[Entry] = [
    Opened(0, "w", PREFIX, 1),
    put(1, A, 0),
    Acknowledged(20, 1, 2),
    told(2, A, 1),
    put(2, A, 2),
    Acknowledged(30, 2, 3),
    put(3, A, 2),
    Refused(40, 3, "ConflictError"),
    told(3, A, 2),
    put(4, B, 0),
    Unknown(50, 4),
    Died(51),
    told(4, B, 4),
    Reached(52, "w", 4),
    Asked(53, 1, B),
    Read(54, 1, value_of(4), 4),
    Begun(60, 6, (Part(A, None, 3),)),
    Acknowledged(70, 6, 5),
    told(5, A, None),
    PAIR,
    Acknowledged(80, 7, 6),
    Told(80, "w", 6, A, value_of(7)),
    Told(80, "w", 6, B, value_of(7, 1)),
    Reached(80, "w", 6),
]
END = Ending(6, {A: Item(value_of(7), 6), B: Item(value_of(7, 1), 6)})

Planted = Callable[[], tuple[Sequence[Entry], Ending]]


def without(entry: Entry) -> list[Entry]:
    assert entry in TRUE
    return [each for each in TRUE if each != entry]


def swapped(old: Entry, new: Entry) -> list[Entry]:
    assert old in TRUE
    return [new if each == old else each for each in TRUE]


PLANTED: dict[str, list[Planted]] = {
    "lost": [
        # A store that acknowledges before its sync, and dies: the newest state is gone.
        lambda: (TRUE, Ending(6, {B: END.items[B]})),
        lambda: (
            [put(1, A, 0), Acknowledged(20, 1, 2), put(2, A, 2), Acknowledged(30, 2, 3)],
            Ending(3, {A: item(1, 2)}),
        ),
    ],
    "refused": [
        lambda: ([*TRUE, put(8, A, 0), Refused(99, 8, "KeyExistsError"), told(7, A, 8)], END),
        lambda: (
            [put(1, A, 0), Refused(20, 1, "ReadOnlyError")],
            Ending(2, {A: item(1, 2)}),
        ),
    ],
    "phantom": [
        lambda: ([*TRUE, told(7, A, 99)], END),
        lambda: (TRUE, Ending(6, {**END.items, A: Item(b"7.0 torn", 6)})),
        lambda: ([*TRUE, told(7, A, None)], Ending(7, END.items)),
    ],
    "twice": [
        lambda: ([*TRUE, told(7, A, 7)], END),
        lambda: ([*TRUE, told(7, B, 4)], END),
    ],
    "reused": [
        lambda: (
            [*TRUE, put(8, A, 6), Unknown(99, 8), told(6, A, 8)],
            END,
        ),
        lambda: (
            [put(1, A, 0), Acknowledged(20, 1, 2), put(2, B, 0), Acknowledged(30, 2, 2)],
            Ending(2, {A: item(1, 2), B: item(2, 2)}),
        ),
    ],
    "back": [
        lambda: (TRUE, Ending(5, END.items)),
        lambda: (
            [put(1, A, 0), Acknowledged(20, 1, 5), put(2, B, 0), Acknowledged(30, 2, 4)],
            Ending(5, {A: item(1, 5), B: item(2, 4)}),
        ),
    ],
    "chain": [
        lambda: (
            [*TRUE[:6], put(3, A, 2), Acknowledged(40, 3, 4)],
            Ending(4, {A: item(3, 4)}),
        ),
    ],
    "half": [
        lambda: (without(Told(80, "w", 6, B, value_of(7, 1))), END),
        lambda: (TRUE, Ending(6, {**END.items, B: item(4, 4)})),
    ],
    "stale": [
        lambda: ([*TRUE, Asked(90, 2, A), Read(91, 2, value_of(2), 3)], END),
        lambda: ([*TRUE, Asked(90, 2, A), Read(91, 2, None, 0)], END),
    ],
    "order": [
        lambda: ([*TRUE, told(2, A, 1)], END),
        lambda: ([*TRUE, Told(80, "w", 6, B, value_of(7, 1))], END),
        lambda: ([*TRUE, Opened(0, "x", PREFIX, 4), told(3, A, 2, "x")], END),
    ],
    "gap": [
        # A watch that drops an event, or goes on behind one after its process has died.
        lambda: (without(told(3, A, 2)), END),
        lambda: (
            [*without(told(4, B, 4))],
            END,
        ),
        lambda: ([*TRUE, Opened(0, "x", PREFIX, 4), Reached(90, "x", 6)], END),
    ],
    "stuck": [
        lambda: (TRUE[:-1], Ending(7, END.items)),
        lambda: ([*TRUE, Ended(90, "w", "StoreClosedError")], END),
    ],
    "early": [
        lambda: (swapped(Acknowledged(20, 1, 2), Acknowledged(12, 1, 2)), END),
    ],
}
CASES = [
    pytest.param(rule, planted, id=f"{rule}-{number}")
    for rule, cases in PLANTED.items()
    for number, planted in enumerate(cases)
]


def test_true_history_breaks_no_rule() -> None:
    oracle = Oracle(sync_ns=SYNC_NS)

    assert oracle.judge(TRUE, END) == []
    assert (oracle.acknowledged, oracle.unknown, oracle.refused, oracle.told) == (4, 1, 1, 6)


OF_TIME = {"alarm", "stalls", "groups", "lives", "disturbed", "leak"}
"""These are planted in ``test_pace``."""


def test_every_rule_has_a_falsehood_that_it_finds() -> None:
    assert PLANTED.keys() | OF_TIME == RULES.keys()


@pytest.mark.parametrize(("rule", "planted"), CASES)
def test_planted_falsehood_is_found_by_its_rule(rule: str, planted: Planted) -> None:
    entries, ending = planted()

    found = Oracle(sync_ns=SYNC_NS).judge(entries, ending)

    assert rule in [violation.rule for violation in found], found


def test_watch_may_end_with_a_declared_error_and_begin_anew() -> None:
    anew = Opened(91, "w", PREFIX, 6)
    entries = [*TRUE, Ended(90, "w", "CompactedError"), anew]

    assert Oracle(ends=["CompactedError"]).judge(entries, END) == []


def test_unknown_writes_that_nobody_saw_may_explain_what_follows() -> None:
    entries: list[Entry] = [
        put(1, A, 0),
        Acknowledged(20, 1, 2),
        Begun(30, 2, (Part(A, None, 2),)),
        Died(31),
        put(3, A, 0),
        Acknowledged(50, 3, 4),
    ]

    assert Oracle().judge(entries, Ending(4, {A: item(3, 4)})) == []


@pytest.mark.parametrize("entry", TRUE)
def test_entries_are_the_same_after_the_pipe(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


def test_value_tells_its_writer_and_a_torn_one_tells_nobody() -> None:
    for number in (1, 11, 12345):
        value = value_of(number, 2)
        assert maker_of(value) == number
        assert maker_of(value[:-1]) == -1
        assert maker_of(value + b".") == -1


def test_watch_that_begins_anew_in_the_past_may_tell_an_unknown_deletion_again() -> None:
    entries: list[Entry] = [
        Opened(0, "w", PREFIX, 1),
        put(1, A, 0),
        Acknowledged(20, 1, 2),
        Begun(30, 2, (Part(A, None, 2),)),
        Unknown(31, 2),
        put(3, A, 0),
        Acknowledged(50, 3, 4),
        *(told(2, A, 1), told(3, A, None), told(4, A, 3)),
        Opened(60, "w", PREFIX, 1),
        *(told(2, A, 1), told(3, A, None), told(4, A, 3)),
        Opened(70, "w", PREFIX, 2),
        *(told(3, A, None), told(4, A, 3)),
        Reached(80, "w", 4),
    ]

    assert Oracle().judge(entries, Ending(4, {A: item(3, 4)})) == []


def test_process_that_dies_within_a_batch_leaves_no_gap() -> None:
    pair = [told for told in TRUE if isinstance(told, Told) and told.revision == 6]
    within = [each for each in TRUE[:-1] if each != pair[1]]
    assert Oracle().judge([*within, Died(81), Opened(82, "w", PREFIX, 4)], END)
    again: list[Entry] = [Opened(82, "w", PREFIX, 4), told(5, A, None), *pair, Reached(90, "w", 6)]

    assert Oracle().judge([*within, Died(81), *again], END) == []
