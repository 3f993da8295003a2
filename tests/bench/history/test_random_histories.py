"""Histories of a naive world: right ones pass, and any one falsehood in them is found."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bench.history.judge import judge_history
from cluster.client.history_format import Kind, Seen
from tests.bench.history.world import Row, World, play

SEEDS = st.integers(0, 2**32 - 1)
STEPS = 120
UNHURRIED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)


def events(world: World) -> list[tuple[str, Row]]:
    """Return every event with the process that took it in."""
    return [
        (process, row)
        for process in ("control", "nodes")
        for row in world.find(process, Kind.EVENT, lambda row: row["verb"] != Seen.BOOKMARK)
    ]


@UNHURRIED
@given(SEEDS)
def test_a_right_history_passes(seed: int) -> None:
    report = judge_history(play(Random(seed), STEPS).history())

    assert report.examples == {}
    assert report.violations == {}


@UNHURRIED
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_dropped_event_is_found(seed: int, chance: Random) -> None:
    world = play(Random(seed), STEPS)
    told = events(world)
    assume(told)

    process, row = chance.choice(told)
    world.rows[process].remove(row)

    assert judge_history(world.history()).broken


@UNHURRIED
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_doubled_event_is_found(seed: int, chance: Random) -> None:
    world = play(Random(seed), STEPS)
    told = events(world)
    assume(told)

    process, row = chance.choice(told)
    rows = world.rows[process]
    rows.insert(rows.index(row), dict(row))

    assert judge_history(world.history()).violations["watch-unique"] == 1


@UNHURRIED
@given(SEEDS, st.randoms(use_true_random=False))
def test_swapped_events_are_found(seed: int, chance: Random) -> None:
    world = play(Random(seed), STEPS)
    told = events(world)
    neighbours = [
        (first, second)
        for (_, first), (_, second) in pairwise(told)
        if first["source"] == second["source"] and first["revision"] != second["revision"]
    ]
    assume(neighbours)

    first, second = chance.choice(neighbours)
    kept = dict(first)
    first.update(second)
    second.update(kept)

    assert judge_history(world.history()).broken


@UNHURRIED
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_stale_read_is_found(seed: int, chance: Random) -> None:
    world = play(Random(seed), STEPS)
    before = {revision: state[0] for revision, _key, state, _after in world.changes if state}
    reads = world.find("control", Kind.READ, lambda row: row["revision"] in before)
    assume(reads)

    row = chance.choice(reads)
    row["revision"] = before[row["revision"]]

    assert "read-in-time" in judge_history(world.history()).violations


@UNHURRIED
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_write_that_was_not_stored_is_found(seed: int, chance: Random) -> None:
    # One of unknown outcome may always have done what no answer names.
    world = play(Random(seed), STEPS, unsure=False)
    named = world.find("control", Kind.WRITE, lambda row: row.get("revision", 0) > 0)
    assume(named)

    row = chance.choice(named)
    row["revision"] += chance.choice((-1, 1))

    assert judge_history(world.history()).broken
