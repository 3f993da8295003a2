"""The machine alone: what a snapshot holds, what time does, and what stays bounded."""

from __future__ import annotations

from random import Random

import pytest

from storage.etcd2.errors import Code, Etcd2Error
from storage.etcd2.expiry import SLACK
from storage.etcd2.machine import YEAR_2000_NS, Machine
from storage.etcd2.model import HISTORY_EVENTS, Event, Method, Node, Request
from tests.storage.etcd2.random_operations import random_operation

NOW_NS = 1_800_000_000 * 10**9
SECOND_NS = 10**9


class Told:
    """A listener that writes down."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.over = False

    def tell(self, event: Event) -> None:
        """Take an event."""
        self.events.append(event)

    def cleared(self) -> None:
        """Take the end."""
        self.over = True


def put(machine: Machine, path: str, value: str = "", *, ttl_s: float = 0) -> Event:
    """Set a leaf."""
    expires_ns = NOW_NS + int(ttl_s * SECOND_NS) if ttl_s else 0
    return machine.apply(Request(Method.PUT, path, value, expiration_ns=expires_ns), NOW_NS)


def delete(machine: Machine, path: str) -> Event:
    """Remove whatever is there."""
    return machine.apply(Request(Method.DELETE, path, recursive=True), NOW_NS)


def play(machine: Machine, chance: Random) -> Event | tuple[Code, str, int]:
    """Carry out a random operation; return what it came to."""
    operation = random_operation(chance, machine)
    try:
        return machine.apply(operation.request(NOW_NS), NOW_NS)
    except Etcd2Error as error:
        return error.code, error.cause, error.index


@pytest.mark.parametrize("seed", range(20))
def test_machine_that_was_loaded_goes_on_as_the_one_that_was_dumped(seed: int) -> None:
    first, again = Machine(), Machine()
    chance = Random(seed)
    for _ in range(chance.randrange(300)):
        play(first, chance)

    again.load(first.dump())

    assert again.dump() == first.dump()
    assert (again.leaves, again.logical_bytes) == (first.leaves, first.logical_bytes)
    mine, theirs = Random(seed), Random(seed)
    for _ in range(200):
        assert play(again, mine) == play(first, theirs)
    assert again.expire(NOW_NS + 10_000 * SECOND_NS) == first.expire(NOW_NS + 10_000 * SECOND_NS)
    assert again.dump() == first.dump()
    assert again.statistics() == first.statistics()


def test_dump_stays_as_it_was_whatever_happens_next() -> None:
    machine = Machine()
    put(machine, "/1/a/b", "before")
    dumped = machine.dump()
    copied = Machine()
    copied.load(dumped)

    put(machine, "/1/a/b", "after")
    delete(machine, "/1/a")

    assert copied.get("/1/a/b", NOW_NS).node.value == "before"
    restored = Machine()
    restored.load(dumped)
    assert restored.dump() == dumped


def test_sizes_are_those_of_what_clients_have() -> None:
    machine = Machine()
    chance = Random(7)
    for _ in range(500):
        play(machine, chance)
    put(machine, "/0/of the cluster", "x")

    leaves = [leaf for folder in machine.dump().folders for leaf in folder.leaves]
    clients = [leaf for leaf in leaves if leaf.key.startswith("/1/")]
    assert len(clients) > 5
    assert machine.leaves == len(clients)
    assert machine.logical_bytes == sum(
        len(leaf.key[2:].encode()) + len((leaf.value or "").encode()) for leaf in clients
    )


def test_keys_end_in_the_order_of_their_times_then_of_their_paths() -> None:
    machine = Machine()
    for name, ttl_s in (("c", 2), ("b", 1), ("d", 3), ("a", 2), ("e", 1.5)):
        put(machine, f"/1/{name}", ttl_s=ttl_s)
    put(machine, "/1/e")
    machine.apply(
        Request(Method.PUT, "/1/b", refresh=True, prev_exist=True, expiration_ns=NOW_NS + 5), NOW_NS
    )

    assert machine.next_expiry_ns() == NOW_NS + 5
    ended = machine.expire(NOW_NS + 2 * SECOND_NS)

    assert [(event.action, event.node.key) for event in ended] == [
        ("expire", f"/1/{name}") for name in "bac"
    ]
    assert [event.node.modified for event in ended] == [8, 9, 10]
    assert machine.next_expiry_ns() == NOW_NS + 3 * SECOND_NS
    assert machine.expire(NOW_NS + 10 * SECOND_NS)[0].node.key == "/1/d"
    assert machine.next_expiry_ns() == 0


@pytest.mark.parametrize("seed", range(20))
def test_expiry_reaches_as_far_as_so_many_nodes_go(seed: int) -> None:
    chance, machine = Random(seed), Machine()
    ends = {(chance.randrange(60), chance.randrange(30)): None for _ in range(200)}
    for name, ttl_s in tuple(ends)[: chance.randrange(200)]:
        put(machine, f"/1/{name}", ttl_s=ttl_s)
    now_ns = NOW_NS + chance.randrange(40) * SECOND_NS
    nodes = machine.get("/1", NOW_NS).node.nodes or ()
    due = sorted(node.expires_ns for node in nodes if 0 < node.expires_ns <= now_ns)

    while due:
        most = chance.randrange(1, 12)
        reach_ns = machine.expiry_reach_ns(now_ns, most)
        ended = len(machine.expire(reach_ns))
        assert ended == sum(at_ns <= reach_ns for at_ns in due)
        assert ended <= max(most, due.count(due[0]))
        if reach_ns < now_ns:  # one time more would have been too many
            assert ended + due.count(due[ended]) > most
        else:
            assert ended == len(due)
        due = due[ended:]

    assert machine.expiry_reach_ns(now_ns, 1) == now_ns
    assert machine.expire(now_ns) == []


@pytest.mark.parametrize(
    ("left_ns", "shown_s"),
    [(SECOND_NS, 1), (SECOND_NS + 1, 2), (1, 1), (0, 0), (-1, 0), (-3 * SECOND_NS // 2, -1)],
)
def test_ttl_is_rounded_as_by_etcd(left_ns: int, shown_s: int) -> None:
    machine = Machine()
    put(machine, "/1/a", ttl_s=100)

    node = machine.get("/1/a", NOW_NS + 100 * SECOND_NS - left_ns).node

    assert node.ttl_s == shown_s


def test_key_that_ends_before_the_year_2000_never_ends() -> None:
    machine = Machine()
    request = Request(Method.PUT, "/1/a", expiration_ns=YEAR_2000_NS - 1)

    machine.apply(request, NOW_NS)

    assert machine.next_expiry_ns() == 0
    assert machine.get("/1/a", NOW_NS).node == Node("/1/a", "", False, 1, 1)


def test_refreshes_leave_a_bounded_heap_behind() -> None:
    machine = Machine()
    put(machine, "/1/a", ttl_s=10)
    for number in range(10 * SLACK):
        machine.apply(
            Request(
                Method.PUT,
                "/1/a",
                prev_exist=True,
                refresh=True,
                expiration_ns=NOW_NS + SECOND_NS + number,
            ),
            NOW_NS,
        )

    assert len(machine._expiry._heap) <= SLACK + 2
    assert [event.node.key for event in machine.expire(NOW_NS + 2 * SECOND_NS)] == ["/1/a"]


def test_history_is_bounded_and_has_no_gaps() -> None:
    machine = Machine()
    for number in range(HISTORY_EVENTS + 7):
        put(machine, f"/1/{number % 10}")

    assert (machine.oldest_index, machine.index) == (8, HISTORY_EVENTS + 7)
    kept = machine.history(8)
    assert [event.node.modified for event in kept] == list(range(8, HISTORY_EVENTS + 8))
    assert machine.history(machine.index + 1) == ()
    with pytest.raises(Etcd2Error) as caught:
        machine.history(7)
    assert (caught.value.code, caught.value.index) == (401, machine.index)
    assert caught.value.cause == "the requested history has been cleared [8/7]"


def test_empty_history_begins_after_the_index() -> None:
    machine = Machine()

    assert (machine.index, machine.oldest_index) == (0, 1)
    assert machine.history(1) == ()


def test_refresh_is_in_the_history_and_told_to_nobody() -> None:
    machine, told = Machine(), Told()
    put(machine, "/1/a", "x", ttl_s=10)
    machine.watch("/1/a", told, stream=True)
    request = Request(
        Method.PUT, "/1/a", prev_exist=True, refresh=True, expiration_ns=NOW_NS + 20 * SECOND_NS
    )

    event = machine.apply(request, NOW_NS)

    assert (event.node.value, event.node.ttl_s, event.refresh) == ("x", 20, True)
    assert machine.history(2) == (event,)
    assert told.events == []
    late = Told()
    machine.watch("/1/a", late, since=2)
    put(machine, "/1/a", "y")
    assert [each.node.modified for each in late.events] == [3]


def test_watch_that_is_cancelled_or_has_been_told_is_counted_no_longer() -> None:
    machine, once, stream = Machine(), Told(), Told()
    machine.watch("/1", once, recursive=True)
    watching = machine.watch("/1", stream, recursive=True, stream=True)
    assert machine.statistics()["watchers"] == 2

    put(machine, "/1/a")
    put(machine, "/1/b")
    watching.cancel()
    watching.cancel()
    put(machine, "/1/c")

    assert [len(each.events) for each in (once, stream)] == [1, 2]
    assert machine.statistics()["watchers"] == 0


def test_listener_may_end_other_watches() -> None:
    machine, victim = Machine(), Told()

    class Ending(Told):
        def tell(self, event: Event) -> None:
            super().tell(event)
            watching.cancel()

    ending = Ending()
    machine.watch("/1/a", ending, stream=True)
    watching = machine.watch("/1/a", victim, stream=True)

    put(machine, "/1/a")
    put(machine, "/1/a")

    assert (len(ending.events), len(victim.events)) == (2, 0)


def test_watches_are_cleared_when_it_closes_or_is_loaded() -> None:
    machine, closed, loaded = Machine(), Told(), Told()
    machine.watch("/1/a", loaded)
    machine.load(machine.dump())
    machine.watch("/1/a", closed)

    machine.close()
    machine.close()

    assert closed.over
    assert loaded.over


def test_very_deep_path_is_made_listed_and_removed() -> None:
    machine, path = Machine(), "/1" + "/d" * 3000

    put(machine, path, "deep")

    assert machine.get(path, NOW_NS).node.value == "deep"
    assert machine.get("/1", NOW_NS, recursive=True, sort=True).node.nodes is not None
    delete(machine, "/1/d")
    assert machine.get("/1", NOW_NS).node.nodes == ()
    assert machine.leaves == 0
