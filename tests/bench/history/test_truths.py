"""Several API servers of one store: their truths agree, and what does not agree is found."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from bench.history.judge import judge_history
from bench.history.reader import History
from cluster.client.history_format import Flag, Kind
from tests.bench.history.test_rules import small
from tests.bench.history.world import SECOND_NS, Row, World, play

ONE, TWO = "apiserver-1", "apiserver-2"


def doubled(world: World) -> World:
    """Return the world with a second server, which hears of everything a moment later."""
    rows = world.rows[ONE] = world.rows.pop("apiserver")
    world.rows[TWO] = [{**row, "end_ns": row["end_ns"] + 1} for row in rows]
    return world


def ended(world: World) -> History:
    """Return its history; the servers ended long after all else."""
    for name in (ONE, TWO):
        world.put(name, Kind.END, end_ns=world.now + 10 * SECOND_NS)
    return world.history()


def changes(world: World, server: str) -> list[Row]:
    """Return a server's changes."""
    return world.find(server, Kind.CHANGE)


def miss(world: World) -> None:
    """One in the middle never came to the second server."""
    world.rows[TWO].remove(changes(world, TWO)[2])


def miss_at_first(world: World) -> None:
    """The first server missed one, which the second one has."""
    world.rows[ONE].remove(changes(world, ONE)[2])


def miss_the_end(world: World) -> None:
    """The second server heard of nothing any more after a while."""
    for row in changes(world, TWO)[3:]:
        world.rows[TWO].remove(row)


def hear_nothing(world: World) -> None:
    """The second server heard of nothing at all."""
    world.rows[TWO] = []


def tell_otherwise(world: World) -> None:
    """A change is of another kind to the second server."""
    changes(world, TWO)[2]["verb"] += 1


def follow_otherwise(world: World) -> None:
    """A change follows another state at the second server."""
    changes(world, TWO)[2]["asked"] += 1


def swap_keys(world: World) -> None:
    """A revision is of another key at the second server."""
    changes(world, TWO)[2]["key"] = world.number("/registry/pods/a/other")


FALSEHOODS = (
    miss,
    miss_at_first,
    miss_the_end,
    hear_nothing,
    tell_otherwise,
    follow_otherwise,
    swap_keys,
)


def test_two_servers_that_tell_the_same_break_no_rule() -> None:
    report = judge_history(ended(doubled(small())))

    assert report.examples == {}
    assert report.checked["truth-agreed"] == 2 * report.checked["truth-contiguous"]
    assert report.checked["watchcache-final"] == 2


@pytest.mark.parametrize("seed", range(5))
def test_random_histories_of_two_servers_break_no_rule(seed: int) -> None:
    report = judge_history(ended(doubled(play(Random(seed), 60))))

    assert report.examples == {}


@pytest.mark.parametrize("falsify", FALSEHOODS)
def test_servers_that_disagree_are_found(falsify: Callable[[World], None]) -> None:
    world = doubled(small())

    falsify(world)

    report = judge_history(ended(world))
    assert "truth-agreed" in report.violations, report.examples
    assert report.examples["truth-agreed"]


def test_a_server_that_came_later_need_not_know_what_was_before() -> None:
    world = doubled(small())
    for row in changes(world, TWO)[:2]:
        row["kind"] = int(Kind.INITIAL)

    assert judge_history(ended(world)).examples == {}


def test_a_cache_of_the_second_server_that_holds_something_else_is_found() -> None:
    world = doubled(small())
    world.find(TWO, Kind.DIGEST, lambda row: row["flags"] == Flag.CACHE)[0]["asked"] += 1

    report = judge_history(ended(world))

    assert report.violations == {"watchcache-final": 1}
    assert TWO in report.examples["watchcache-final"][0]


def with_a_gap(*, told: bool) -> History:
    """Return a history in which one revision is nobody's; the server may know of its key."""
    world = small()
    revision = world.revision + 1
    world.revision = revision
    world.write_after_gap()
    if told:
        key = world.number("/registry/kubedyno.dev/apiservers")
        world.put("apiserver", Kind.OTHER, key=key, revision=revision)
    return world.settle().history()


@pytest.mark.parametrize(
    ("told", "others", "broken", "counts"),
    [
        (False, False, {"truth-contiguous": 1}, {}),
        (True, False, {}, {}),
        (False, True, {}, {"revisions of others' keys": 1}),
        (True, True, {}, {}),
    ],
)
def test_revisions_of_other_keys_are_no_gaps_where_they_are_known_or_let_in(
    *, told: bool, others: bool, broken: dict[str, int], counts: dict[str, int]
) -> None:
    report = judge_history(with_a_gap(told=told), others=others)

    assert (report.violations, report.counts) == (broken, counts)


def test_a_list_may_be_as_of_a_revision_of_others() -> None:
    world = small()
    world.revision += 1
    world.lists()
    world.revision += 1
    world.write_after_gap()

    history = world.settle().history()

    assert judge_history(history, others=True).violations == {}
    assert "list-in-time" in judge_history(history).violations
