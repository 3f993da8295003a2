"""The layout of endpoints into slices: complete, bounded, and with few writes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.controllers.service_endpoints import slices as layout
from cluster.controllers.service_endpoints.reading import Port
from cluster.controllers.service_endpoints.slices import (
    Endpoint,
    Identity,
    Plan,
    Ports,
    Slice,
    plan,
)

HTTP: Ports = (Port("http", 80, "TCP", ""),)
DNS: Ports = (Port("dns", 53, "UDP", ""),)
SETS = (HTTP, DNS)


def endpoint(name: str, *, ready: bool = True) -> Endpoint:
    return Endpoint(
        Identity((f"ip-{name}",), "ns", name, f"uid-{name}", ""),
        ready=ready,
        serving=ready,
        terminating=False,
        node_name="n",
        zone="z",
    )


def endpoints(names: str) -> tuple[Endpoint, ...]:
    """Return an endpoint for each letter; a capital one is not ready."""
    return tuple(endpoint(name.lower(), ready=name.islower()) for name in names)


def text(given_: tuple[Endpoint, ...]) -> str:
    return "".join(
        each.identity.name if each.ready else each.identity.name.upper() for each in given_
    )


class Case(NamedTuple):
    """Slices of one set of ports with room for three, what is wanted, and what is done."""

    held: str
    wanted: str
    done: str
    """``name:content`` of updates, ``+content`` of creations, ``-name`` of deletions."""


CASES = [
    Case("abc d", "abcd", ""),
    Case("abc d", "abcef", "1:ef"),
    Case("ab c", "abcef", "1:cef"),
    Case("ab c", "abcd", "0:abd"),
    Case("abc dxy", "abcxyef", "1:xye +f"),
    Case("", "abcd", "+abc +d"),
    Case("", "", "+"),
    Case("abc", "", "0:"),
    Case("abc de", "", "1: -0"),
    Case("abc", "abC", "0:abC"),
    Case("abc d", "d", "-0"),
    Case("a b", "bx", "0:x"),
    Case("ab", "abcdefgh", "+cde +fgh"),
    Case("ab", "abcdef", "+cde 0:abf"),
]


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ENDPOINTS_MAX", 3)


def laid(held: str) -> list[Slice[str]]:
    return [Slice(str(n), HTTP, endpoints(content)) for n, content in enumerate(held.split())]


def done(made: Plan[str]) -> set[str]:
    return {
        *(f"+{text(each.endpoints)}" for each in made.creates),
        *(f"{each.handle}:{text(each.endpoints)}" for each in made.updates),
        *(f"-{each}" for each in made.deletes),
    }


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("case", CASES, ids=[f"{c.held} to {c.wanted}" for c in CASES])
def test_slices_are_written_as_little_as_can_be(case: Case) -> None:
    wanted = {HTTP: endpoints(case.wanted)} if case.wanted else {}

    made = plan(laid(case.held), wanted)

    assert done(made) == set(case.done.split())


def test_empty_slice_of_a_service_without_pods_stays() -> None:
    placeholder = Slice("p", (), ())

    assert done(plan([placeholder], {})) == set()
    assert done(plan([placeholder], {HTTP: endpoints("a")})) == {"p:a"}


def test_ports_that_changed_take_over_the_slice() -> None:
    made = plan(laid("ab"), {DNS: endpoints("ab")})

    assert [(each.handle, each.ports) for each in made.updates] == [("0", DNS)]
    assert not made.creates
    assert not made.deletes


NAMES = st.lists(st.integers(0, 400), unique=True, max_size=260)


def carried_out(held: list[Slice[str]], made: Plan[str], names: Iterator[int]) -> list[Slice[str]]:
    after = {each.handle: each for each in held}
    for handle in made.deletes:
        del after[handle]
    for each in (*made.updates, *made.creates):
        handle = each.handle if each.handle is not None else str(next(names))
        after[handle] = Slice(handle, each.ports, each.endpoints)
    return list(after.values())


@pytest.mark.slow
@given(st.lists(st.tuples(NAMES, NAMES, st.booleans()), min_size=1, max_size=5))
def test_slices_hold_what_is_wanted_once_and_are_settled_after_one_step(
    steps: list[tuple[list[int], list[int], bool]],
) -> None:
    held: list[Slice[str]] = []
    handles = count()
    for http, dns, ready in steps:
        wanted = {
            ports: [endpoint(str(name), ready=ready) for name in names]
            for ports, names in zip(SETS, (http, dns), strict=True)
            if names
        }
        made = plan(held, wanted)
        held = carried_out(held, made, handles)

        for ports, all_ in wanted.items():
            inside = [e for each in held if each.ports == ports for e in each.endpoints]
            assert sorted(inside) == sorted(all_)
        assert all(len(each.endpoints) <= layout.ENDPOINTS_MAX for each in held)
        assert {each.ports for each in held} == (set(wanted) or {()})
        assert done(plan(held, wanted)) == set()
        # Never a creation beside a deletion: the one is made of the other.
        assert not (made.creates and made.deletes)
