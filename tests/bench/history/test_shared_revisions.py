"""The checker where writes share revisions: *at least once*, and no more is let pass than that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.history.judge import judge_history
from bench.history.report import AT_LEAST_ONCE, EXACTLY_ONCE
from cluster.client.history_format import Kind, Seen, Verb
from tests.bench.history.world import Follower, Row, World

X, Y, Z = (f"/registry/pods/a/{name}" for name in "xyz")


def together(world: World, *writes: Callable[[], Row]) -> None:
    """Write at once, at one revision: all are called before any of them is answered."""
    begin, revision = world.tick(), world.revision
    rows = []
    for write in writes:
        world.revision = revision
        rows.append(write())
    end = world.tick()
    for row in rows:
        row["begin_ns"], row["end_ns"] = begin, end


def small() -> World:
    """Return a history with shared revisions, a watch that was cut amid one, and a replay."""
    world = World()
    follower = world.follow("control")
    world.follow("nodes", "spec.nodeName=n1")
    together(
        world,
        lambda: world.write(Verb.CREATE, X, node="n1", code=201),
        lambda: world.write(Verb.CREATE, Y, code=201),
        lambda: world.write(Verb.CREATE, Z, code=201),
    )
    world.catch_up(follower, 2)
    world.close(follower)
    world.open(follower)
    replay(world, follower, 0)
    replay(world, follower, 1)
    world.catch_up(follower)
    together(
        world,
        lambda: world.write(Verb.UPDATE_STATUS, X, asked=2),
        lambda: world.write(Verb.UPDATE_STATUS, Y, asked=2),
    )
    world.read(Y)
    return world.settle()


def replay(world: World, follower: Follower, number: int) -> None:
    """Tell an event again."""
    told = world.find(follower.process, Kind.EVENT)[number]
    again = {**told, "begin_ns": world.tick(), "end_ns": world.now}
    world.rows[follower.process].append(again)


def events(world: World) -> list[Row]:
    return world.find("control", Kind.EVENT)


def lose_event(world: World) -> None:
    """The last one of a shared revision never came."""
    world.rows["control"].remove(events(world)[-1])


def lose_amid(world: World) -> None:
    """One of the first shared revision never came, at any time."""
    lost = next(row for row in events(world) if row["key"] == world.number(Z))
    world.rows["control"].remove(lost)


def double_event(world: World) -> None:
    """One came twice without its watch having gone on."""
    rows = world.rows["control"]
    rows.insert(rows.index(events(world)[-1]), dict(events(world)[-1]))


def replay_older(world: World) -> None:
    """One came again, though its watch had gone on after another revision."""
    world.find("control", Kind.WATCH_OPEN)[1]["asked"] = 1


def repeat_change(world: World) -> None:
    """A key changed twice at one revision."""
    rows = world.rows["apiserver"]
    change = world.find("apiserver", Kind.CHANGE)[-1]
    rows.insert(rows.index(change), dict(change))


def answer_other(world: World) -> None:
    """A write was answered a revision at which its key did not change."""
    world.find("control", Kind.WRITE)[-1]["key"] = world.number(Z)


def read_other(world: World) -> None:
    """A read found a key at a revision of others."""
    world.find("control", Kind.READ)[-1]["key"] = world.number(Z)


def mistype(world: World) -> None:
    """One says ADDED of what was there."""
    events(world)[-1]["verb"] = Seen.ADDED


def foretell(world: World) -> None:
    """One came before it was applied."""
    events(world)[-1]["begin_ns"] = 1


FALSEHOODS = {
    lose_event: "watch-gap-free",
    lose_amid: "watch-gap-free",
    double_event: "watch-unique",
    replay_older: "watch-unique",
    repeat_change: "truth-contiguous",
    answer_other: "write-stored",
    read_other: "read-in-time",
    mistype: "watch-typed",
    foretell: "watch-after-commit",
}


def test_shared_revisions_and_replays_after_going_on_are_right_at_least_once() -> None:
    report = judge_history(small().history(), shared=True)

    assert report.violations == {}, report.examples
    assert report.delivery == AT_LEAST_ONCE
    assert report.counts["changes of a shared revision that were told again"] == 2


def test_the_same_history_is_wrong_exactly_once() -> None:
    report = judge_history(small().history())

    assert report.delivery == EXACTLY_ONCE
    assert {"truth-contiguous", "watch-unique"} <= set(report.violations)


@pytest.mark.parametrize(
    ("falsehood", "rule"), FALSEHOODS.items(), ids=[f.__name__ for f in FALSEHOODS]
)
def test_falsehood_breaks_its_rule_at_least_once(
    falsehood: Callable[[World], None], rule: str
) -> None:
    world = small()
    falsehood(world)

    report = judge_history(world.history(), shared=True)

    assert rule in report.violations, report.examples
