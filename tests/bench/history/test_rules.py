"""Each rule of the checker: a history that is right breaks none, one falsehood breaks its rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from bench.history.judge import judge_history
from bench.history.reader import UnreadableHistoryError
from cluster.client.history_format import Flag, Kind, Seen, Verb
from reports.history_section import SUBJECTS
from tests.bench.history.world import World, play

X, Y, Z = (f"/registry/pods/a/{name}" for name in "xyz")


def small() -> World:
    """Return a history with something of everything, whose every number is known."""
    world = World()
    world.follow("control")
    world.follow("nodes", "spec.nodeName=n1")
    created = world.write(Verb.CREATE, X, code=201)
    world.write(Verb.BIND, X, node="n1", code=201)
    for follower in world.followers:
        world.catch_up(follower)
    world.close(world.followers[0])
    world.read(X)
    world.read(Y)
    world.write(Verb.UPDATE_STATUS, X, asked=3)
    world.refused(X, created["revision"])
    world.lists()
    world.read(X)
    world.write(Verb.CREATE, Y, code=201)
    world.write(Verb.DELETE, X)
    world.bookmark(world.followers[0])
    return world.settle()


def event(world: World, number: int) -> dict[str, int]:
    """Return an event of control's follower."""
    return world.find("control", Kind.EVENT)[number]


def write(world: World, verb: Verb) -> dict[str, int]:
    """Return the first write of a kind."""
    return world.find("control", Kind.WRITE, lambda row: row["verb"] == verb)[0]


def lose_event(world: World) -> None:
    """An event of the follower never came."""
    world.rows["control"].remove(event(world, 1))


def double_event(world: World) -> None:
    """One came twice."""
    rows = world.rows["control"]
    rows.insert(rows.index(event(world, 1)), dict(event(world, 1)))


def swap_events(world: World) -> None:
    """Two came in the wrong order."""
    first, second = event(world, 2), event(world, 3)
    first_copy = dict(first)
    first.update(second)
    second.update(first_copy)


def mistype_event(world: World) -> None:
    """One says ADDED of what was there."""
    event(world, 1)["verb"] = Seen.ADDED


def invent_event(world: World) -> None:
    """One is of a change that the selection does not see."""
    told = world.find("nodes", Kind.EVENT)
    told[0]["revision"] = 2


def foretell_event(world: World) -> None:
    """One came before it was applied."""
    event(world, 1)["begin_ns"] = 1


def resume_late(world: World) -> None:
    """A watch skips a revision when it goes on."""
    world.find("control", Kind.WATCH_OPEN)[1]["asked"] += 1


def promise_early(world: World) -> None:
    """A bookmark came before what it promises."""
    rows = world.rows["control"]
    mark = world.find("control", Kind.EVENT, lambda row: row["verb"] == Seen.BOOKMARK)[0]
    rows.remove(mark)
    rows.insert(rows.index(event(world, 2)), mark)


def miss_the_end(world: World) -> None:
    """The last events did not come, and the cache does not know of it."""
    rows = world.rows["nodes"]
    for row in world.find("nodes", Kind.EVENT)[1:]:
        rows.remove(row)
    state = world.find("nodes", Kind.DIGEST, lambda row: bool(row.get("flags")))[0]
    state["revision"] = 3


def corrupt_cache(world: World) -> None:
    """A cache holds something else at the end."""
    world.find("control", Kind.DIGEST, lambda row: bool(row.get("flags")))[0]["asked"] += 1


def corrupt_list(world: World) -> None:
    """A list held something that there was not."""
    world.find("control", Kind.DIGEST)[0]["extra"] += 1


def corrupt_server(flag: Flag) -> Callable[[World], None]:
    """Return what makes the watch cache, or the store, hold something else."""

    def corrupt(world: World) -> None:
        world.find("apiserver", Kind.DIGEST, lambda row: row["flags"] == flag)[0]["asked"] += 1

    return corrupt


def lose_write(world: World) -> None:
    """A write is acknowledged at a revision that there never was."""
    write(world, Verb.CREATE)["revision"] = 99


def lose_binding(world: World) -> None:
    """A binding is acknowledged, and nothing came of it between its call and its return."""
    bind = write(world, Verb.BIND)
    bind["begin_ns"] = bind["end_ns"]


def answer_other(world: World) -> None:
    """A write is answered another key's change."""
    write(world, Verb.CREATE)["key"] = world.number(Y)


def answer_late(world: World) -> None:
    """A write was applied after it had been answered."""
    row = write(world, Verb.UPDATE_STATUS)
    row["end_ns"] = row["begin_ns"]


def answer_twice(world: World) -> None:
    """Two writers were answered the same change."""
    world.rows["nodes"].append({**write(world, Verb.CREATE), "source": world.source("nodes")})


def lose_update(world: World) -> None:
    """Two updates of one state were acknowledged: the second overwrote the first unseen."""
    world.write(Verb.UPDATE, Y, asked=5)
    world.write(Verb.UPDATE, Y, asked=5)
    world.settle()


def ignore_precondition(world: World) -> None:
    """An update followed another state than it was made for."""
    write(world, Verb.UPDATE_STATUS)["asked"] = 2


def refuse_wrongly(world: World) -> None:
    """An update was refused though its state was the newest."""
    row = world.find("control", Kind.WRITE, lambda row: row["code"] == 409)[0]
    row["asked"] = 4


def reorder_writes(world: World) -> None:
    """What was answered first has the higher revision."""
    create = write(world, Verb.CREATE)
    status = write(world, Verb.UPDATE_STATUS)
    create["end_ns"], status["end_ns"] = status["end_ns"] + 50, 3
    status["begin_ns"] = 2


def read_stale(world: World) -> None:
    """A read finds a state that was over before it began."""
    world.find("control", Kind.READ)[-1]["revision"] = 3


def read_future(world: World) -> None:
    """A read finds a state that came after it."""
    world.find("control", Kind.READ)[0]["revision"] = 4


def miss_object(world: World) -> None:
    """A read does not find what is there."""
    world.find("control", Kind.READ)[0].update(code=404, revision=0)


def read_older_than_written(world: World) -> None:
    """A read is older than a write that was acknowledged, whatever the server says of times."""
    read_stale(world)
    for row in world.find("apiserver", Kind.CHANGE):
        row["end_ns"] = row["begin_ns"] = 0


def list_stale(world: World) -> None:
    """A list is older than what was acknowledged before it."""
    listed = world.find("control", Kind.LIST, lambda row: row.get("verb", 0) == Verb.LIST)[0]
    listed["revision"] -= 1


def list_future(world: World) -> None:
    """A list is of a revision that was yet to come."""
    listed = world.find("control", Kind.LIST, lambda row: row.get("verb", 0) == Verb.LIST)[0]
    listed["revision"] += 2


def write_unseen(world: World) -> None:
    """Somebody wrote who keeps no history."""
    world.rows["control"].remove(write(world, Verb.CREATE))


def skip_revision(world: World) -> None:
    """The server did not record a change."""
    rows = world.rows["apiserver"]
    rows.remove(world.find("apiserver", Kind.CHANGE)[2])


def unchain(world: World) -> None:
    """A change claims to follow another state."""
    world.find("apiserver", Kind.CHANGE)[2]["asked"] = 1


FALSEHOODS: Final = [
    (lose_event, "watch-gap-free"),
    (double_event, "watch-unique"),
    (swap_events, "watch-ordered"),
    (mistype_event, "watch-typed"),
    (invent_event, "watch-told-truth"),
    (foretell_event, "watch-after-commit"),
    (resume_late, "watch-resumed"),
    (promise_early, "watch-bookmark"),
    (miss_the_end, "watch-complete"),
    (corrupt_cache, "cache-final"),
    (corrupt_list, "cache-listed"),
    (corrupt_server(Flag.CACHE), "watchcache-final"),
    (corrupt_server(Flag.STORE), "store-final"),
    (lose_write, "write-stored"),
    (lose_binding, "write-stored"),
    (answer_other, "write-stored"),
    (answer_late, "write-in-time"),
    (answer_twice, "write-unique"),
    (lose_update, "lost-update"),
    (ignore_precondition, "write-precondition"),
    (refuse_wrongly, "write-refusal"),
    (reorder_writes, "write-real-time"),
    (read_stale, "read-in-time"),
    (read_future, "read-in-time"),
    (miss_object, "read-absent"),
    (read_older_than_written, "read-after-write"),
    (list_stale, "list-in-time"),
    (list_future, "list-in-time"),
    (write_unseen, "change-has-writer"),
    (skip_revision, "truth-contiguous"),
    (unchain, "truth-chained"),
]


def test_a_history_that_is_right_breaks_no_rule() -> None:
    report = judge_history(small().history())

    assert report.examples == {}
    assert report.violations == {}
    assert report.assertions > 50


@pytest.mark.parametrize(("falsify", "rule"), FALSEHOODS)
def test_a_falsehood_breaks_its_rule(falsify: Callable[[World], None], rule: str) -> None:
    world = small()

    falsify(world)

    report = judge_history(world.history())
    assert rule in report.violations, report.examples
    assert report.examples[rule]


def test_every_rule_has_a_falsehood_and_a_promise() -> None:
    elsewhere = {"files-whole", "truth-agreed"}
    broken = {rule for _falsify, rule in FALSEHOODS} | elsewhere

    applied = judge_history(small().history()).checked

    assert broken == set(SUBJECTS)
    assert set(applied) | {"watch-typed", "truth-agreed"} == broken


@pytest.mark.parametrize("torn_bytes", [0, 7])
def test_a_process_that_did_not_end_in_order_breaks_the_rule_on_files(torn_bytes: int) -> None:
    history = small().history()
    nodes = history.processes["nodes"]
    history.processes["nodes"] = replace(nodes, closed=False, torn_bytes=torn_bytes)

    assert judge_history(history).violations == {"files-whole": 1}


def test_writers_from_outside_are_counted_where_they_are_let_in() -> None:
    world = small()
    write_unseen(world)

    report = judge_history(world.history(), foreign=True)

    assert report.violations == {}
    assert report.counts == {"made by others, whose histories are not kept": 1}


def test_without_a_history_of_the_server_nothing_can_be_judged() -> None:
    history = small().history()
    del history.processes["apiserver"]

    with pytest.raises(UnreadableHistoryError, match="API server"):
        judge_history(history)


def test_a_server_that_recorded_nothing_breaks_the_rule_on_files() -> None:
    world = World()

    assert judge_history(world.history()).violations == {"files-whole": 1}


def test_selections_that_the_truth_cannot_tell_are_judged_as_far_as_they_can_be() -> None:
    world = World()
    follower = world.follow("control")
    world.write(Verb.CREATE, X, code=201)
    world.catch_up(follower)
    world.settle()
    names = {
        name.replace('"labels": ""', '"labels": "app=x"'): n for name, n in world.names.items()
    }
    world.names = names

    report = judge_history(world.history())

    assert report.violations == {}
    assert report.counts["events of selections that the truth cannot tell"] == 1
    event(world, 0)["revision"] = 77
    assert "watch-told-truth" in judge_history(world.history()).violations


def test_many_examples_are_counted_and_few_are_named() -> None:
    world = play(Random(3), 400)
    for row in world.find("control", Kind.EVENT):
        row["begin_ns"] = 1

    report = judge_history(world.history())

    assert report.violations["watch-after-commit"] > 10
    assert len(report.examples["watch-after-commit"]) == 10
