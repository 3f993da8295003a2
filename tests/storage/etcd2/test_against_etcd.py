"""The machine beside a real etcd 3.4 with --enable-v2: the same operations, the same answers.

Compared are action, nodes, indexes, errors with their numbers, messages and causes, what watches
are told, and what both have counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from random import Random

import pytest

from storage.etcd2.errors import MESSAGES, Code, Etcd2Error
from storage.etcd2.machine import Machine
from storage.etcd2.model import HISTORY_EVENTS, KEYS, Event, Node
from tests.etcd_members import EtcdOptions
from tests.real_etcd import StartEtcd, start_etcd
from tests.storage.etcd2.plain_client import Answer, Json, PlainClient
from tests.storage.etcd2.random_operations import (
    NAMES,
    Operation,
    pad,
    random_key,
    random_operation,
)

__all__ = ["start_etcd"]

NOW_NS = 1_800_000_000 * 10**9
OPERATIONS = 700
TTL_SLACK_S = 60
"""A real etcd's clock goes on meanwhile; ours stands still."""


@pytest.fixture
def real(start_etcd: StartEtcd) -> Iterator[PlainClient]:
    """Return a client of a new etcd."""
    client = PlainClient(start_etcd(EtcdOptions(enable_v2=True)).members[0].endpoint)
    yield client
    client.close()


class Ours:
    """A machine that answers as a server would."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def play(self, operation: Operation) -> Answer:
        """Carry an operation out, and say what it came to as etcd's HTTP does."""
        machine = self.machine
        try:
            if operation.wait_index is not None:
                event = _first(machine, operation)
            elif operation.method == "GET" and not operation.quorum:
                event = machine.get(
                    operation.path,
                    NOW_NS,
                    recursive=operation.recursive,
                    sort=operation.sorted,
                )
            else:
                event = machine.apply(operation.request(NOW_NS), NOW_NS)
        except Etcd2Error as error:
            return Answer(_status(error.code), error.index, _refusal(error))
        made = event.created and operation.method != "GET"
        return Answer(201 if made else 200, event.etcd_index, shown(event))


def shown(event: Event) -> Json:
    """Return an event in etcd's JSON, but for expirations."""
    body: Json = {"action": event.action, "node": _shown_node(event.node)}
    if event.previous is not None:
        body["prevNode"] = _shown_node(event.previous)
    return body


def comparable(body: Json, *, ordered: bool = True) -> Json:
    """Return what must be equal of two answers: instants left out, TTLs as whether there is one."""
    return {
        name: _comparable_node(part, ordered=ordered) if isinstance(part, dict) else part
        for name, part in body.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_random_operations_are_answered_as_by_etcd(real: PlainClient, seed: int) -> None:
    chance, machine = Random(seed), Machine()
    ours = Ours(machine)
    pad(machine, real.play(Operation("GET", "/")).index)
    begun = machine.statistics(), real.statistics()

    for number in range(OPERATIONS):
        operation = random_operation(chance, machine)
        if chance.random() < 0.1:
            since = chance.randint(max(1, machine.index - number), machine.index + 1)
            operation = _waiting(chance, machine, since)
        _same(ours.play(operation), real.play(operation), operation)

    mine, theirs = (_more(now, then) for now, then in zip(_both(machine, real), begun, strict=True))
    mine["getsFail"] += OPERATIONS  # at each request etcd's server looks whether users are on
    assert mine == theirs


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_streams_are_told_what_etcd_tells(real: PlainClient, seed: int) -> None:
    chance, machine = Random(seed), Machine()
    ours = Ours(machine)
    pad(machine, real.play(Operation("GET", "/")).index)
    watched = [("/", True), ("/", False)]
    watched += [(random_key(chance), chance.random() < 0.5) for _ in range(30)]
    told = [Told() for _ in watched]
    for (key, recursive), listener in zip(watched, told, strict=True):
        path = Operation("GET", key).path
        machine.watch(path, listener, recursive=recursive, stream=True)

    with ExitStack() as stack:
        streams = [
            stack.enter_context(real.stream(key, recursive=recursive)) for key, recursive in watched
        ]
        for _ in range(60):
            operation = random_operation(chance, machine)
            _same(ours.play(operation), real.play(operation), operation)
        for operation in _last_words(watched):  # so that each stream's last event is known
            _same(ours.play(operation), real.play(operation), operation)

        for (key, recursive), listener, stream in zip(watched, told, streams, strict=True):
            for event in listener.events:
                assert comparable(next(stream)) == comparable(shown(event)), (key, recursive)
    assert all(each.events for each, (key, _) in zip(told, watched, strict=True) if key != "/")


@pytest.mark.slow
def test_index_that_has_left_the_history_is_cleared_as_by_etcd(real: PlainClient) -> None:
    machine = Machine()
    ours = Ours(machine)
    pad(machine, real.play(Operation("GET", "/")).index)
    for number in range(HISTORY_EVENTS + 20):
        operation = Operation("PUT", f"/k{number % 3}", str(number))
        _same(ours.play(operation), real.play(operation), operation)

    for since in range(machine.oldest_index - 2, machine.oldest_index + 5):
        operation = Operation("GET", "/k1", wait_index=since)
        _same(ours.play(operation), real.play(operation), operation)


@pytest.mark.slow
def test_what_expires_is_told_as_by_etcd(real: PlainClient) -> None:
    machine = Machine()
    ours = Ours(machine)
    pad(machine, real.play(Operation("GET", "/")).index)
    begun = [
        Operation("PUT", "/kept/a", "x"),
        Operation("PUT", "/kept/gone", "x", ttl_s=1),
        Operation("PUT", "/dir", dir=True, ttl_s=2),
        Operation("PUT", "/dir/sub/a", "x"),
        Operation("PUT", "/dir/b", "x", ttl_s=1000),
        Operation("PUT", "/refreshed", "x", ttl_s=1),
        Operation("PUT", "/refreshed", ttl_s=1000, refresh=True, prev_exist=True),
        Operation("PUT", "/made/permanent", "x", ttl_s=1),
        Operation("PUT", "/made/permanent", "y"),
    ]
    for operation in begun:
        _same(ours.play(operation), real.play(operation), operation)
    until = machine.index + 2

    waited = Operation("GET", "/", recursive=True, wait_index=until)
    first = real.play(waited._replace(wait_index=until - 1))
    second = real.play(waited)
    expired = machine.expire(NOW_NS + 2 * 10**9)

    assert [shown(event)["node"] for event in expired] == [first.body["node"], second.body["node"]]
    assert [event.action for event in expired] == [first.body["action"]] * 2 == ["expire"] * 2
    for operation in (Operation("GET", "/", recursive=True, sorted=True), waited):
        _same(ours.play(operation), real.play(operation), operation)
    assert real.statistics()["expireCount"] == machine.statistics()["expireCount"] == 2


class Told:
    """A listener that writes down."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def tell(self, event: Event) -> None:
        """Take an event."""
        self.events.append(event)

    def cleared(self) -> None:
        """Never happens here."""
        raise AssertionError


def _same(ours: Answer, real: Answer, operation: Operation) -> None:
    ordered = operation.sorted
    mine, theirs = comparable(ours.body, ordered=ordered), comparable(real.body, ordered=ordered)
    assert (ours.status, ours.index, mine) == (real.status, real.index, theirs), operation


def _both(machine: Machine, real: PlainClient) -> tuple[dict[str, int], dict[str, int]]:
    return machine.statistics(), real.statistics()


def _more(now: dict[str, int], then: dict[str, int]) -> dict[str, int]:
    return {name: count - then[name] for name, count in now.items()}


def _waiting(chance: Random, machine: Machine, since: int) -> Operation:
    """Return a wait that is answered at once: of something that the history holds."""
    key, recursive = random_key(chance), chance.random() < 0.5
    operation = Operation("GET", key, recursive=recursive, wait_index=since)
    told = Told()
    watching = machine.watch(operation.path, told, recursive=recursive, since=since)
    watching.cancel()
    return operation if told.events else Operation("GET", key, recursive=recursive, sorted=True)


def _first(machine: Machine, operation: Operation) -> Event:
    told, since = Told(), operation.wait_index or 0
    watching = machine.watch(operation.path, told, recursive=operation.recursive, since=since)
    watching.cancel()
    (event,) = told.events
    return event


def _last_words(watched: list[tuple[str, bool]]) -> Iterator[Operation]:
    """Empty the store, and write to each key that is watched, whatever it was."""
    for key, _ in watched:
        for name in NAMES:
            yield Operation("DELETE", f"/{name}", recursive=True)
        if key != "/":
            yield Operation("PUT", key, "the end")


def _status(code: Code) -> int:
    found = {Code.KEY_NOT_FOUND: 404, Code.NOT_FILE: 403, Code.DIR_NOT_EMPTY: 403}
    found |= {Code.UNAUTHORIZED: 401, Code.TEST_FAILED: 412, Code.NODE_EXIST: 412}
    return found.get(code, 400)


def _refusal(error: Etcd2Error) -> Json:
    cause = error.cause
    body: Json = {"errorCode": int(error.code), "message": MESSAGES[error.code]}
    if cause.startswith(KEYS + "/"):
        cause = cause[len(KEYS) :]
    if cause and cause != KEYS:
        body["cause"] = cause
    return body | {"index": error.index}


def _shown_node(node: Node) -> Json:
    shown: Json = {}
    if node.key != KEYS:
        shown["key"] = node.key[len(KEYS) :]
    if node.value is not None:
        shown["value"] = node.value
    if node.dir:
        shown["dir"] = True
    if node.ttl_s:
        shown["ttl"] = node.ttl_s
    if node.nodes:
        shown["nodes"] = [_shown_node(each) for each in node.nodes]
    if node.modified:
        shown |= {"modifiedIndex": node.modified, "createdIndex": node.created}
    return shown


def _comparable_node(node: Json, *, ordered: bool) -> Json:
    compared = {name: part for name, part in node.items() if name != "expiration"}
    ttl_s = compared.get("ttl")
    if isinstance(ttl_s, int):
        compared["ttl"] = -(-ttl_s // TTL_SLACK_S)
    nodes = compared.get("nodes")
    if isinstance(nodes, list):
        parts = [_comparable_node(each, ordered=ordered) for each in nodes]
        compared["nodes"] = parts if ordered else sorted(parts, key=lambda each: str(each["key"]))
    return compared
