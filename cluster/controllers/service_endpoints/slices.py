"""How a service's endpoints are laid into slices with the fewest writes. Pure.

Slices of one set of ports are filled up to ``ENDPOINTS_MAX``. What is there stays where it is: an
endpoint that is still wanted keeps its place, what is new goes first into slices that are written
anyway, then into one slice that holds all of the rest, and only then into new ones. A slice that is
no longer wanted is filled with another set rather than deleted beside a creation. Example, with
at most 3 a slice, d gone and e f new::

    [a b c] [d]      ->  [a b c] [e f]       one update: [d] is written anyway
    [a b] [c]        ->  [a b] [c e f]       one update: the fullest in which both have room
    [a b c] [d x y]  ->  [a b c] [x y e] [f] an update and a creation

Source: Kubernetes' endpointslice reconciler.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from cluster.controllers.service_endpoints.reading import Port

ENDPOINTS_MAX: Final = 100
"""How many endpoints go into a slice: Kubernetes' default."""

H = TypeVar("H")


class Identity(NamedTuple):
    """What makes two versions of an endpoint one endpoint."""

    addresses: tuple[str, ...]
    namespace: str
    name: str
    uid: str
    hostname: str


class Endpoint(NamedTuple):
    """A pod as a slice tells of it."""

    identity: Identity
    ready: bool
    serving: bool
    terminating: bool
    node_name: str
    zone: str


Ports = tuple[Port, ...]
"""Sorted: what a set of ports is known by."""


class Slice(NamedTuple, Generic[H]):
    """A slice as it is."""

    handle: H
    """The object behind it."""
    ports: Ports
    endpoints: tuple[Endpoint, ...]


class Rewrite(NamedTuple, Generic[H]):
    """A slice that is to be written; without a handle it is new."""

    handle: H | None
    ports: Ports
    endpoints: tuple[Endpoint, ...]


class Plan(NamedTuple, Generic[H]):
    """What to do, in this order."""

    creates: list[Rewrite[H]]
    updates: list[Rewrite[H]]
    deletes: list[H]


@dataclass(slots=True)
class _Draft(Generic[H]):
    slice: Slice[H]
    kept: list[Endpoint]
    changed: bool

    @property
    def room(self) -> int:
        return ENDPOINTS_MAX - len(self.kept)


@dataclass(slots=True)
class _Sorted(Generic[H]):
    """The slices of one set of ports, and what still has to find its place."""

    drafts: list[_Draft[H]] = field(default_factory=list)
    homeless: list[Endpoint] = field(default_factory=list)


def plan(slices: Iterable[Slice[H]], wanted: Mapping[Ports, Sequence[Endpoint]]) -> Plan[H]:
    """Return how the slices become what is wanted; a service always keeps one, if empty."""
    made = Plan[H]([], [], [])
    by_ports: dict[Ports, list[Slice[H]]] = {}
    for each in slices:
        by_ports.setdefault(each.ports, []).append(each)
    idle: list[Slice[H]] = []
    for ports, held in by_ports.items():
        if ports not in wanted:
            idle += held
    for ports, endpoints in wanted.items():
        idle += _plan_ports(ports, by_ports.get(ports, ()), endpoints, made)
    kept = sum(len(held) for held in by_ports.values()) - len(idle)
    if not kept and not made.creates:
        if len(idle) == 1 and not idle[0].ports and not idle[0].endpoints:
            return made  # the empty one is there already
        made.creates.append(Rewrite(None, (), ()))
    while idle and made.creates:
        reused, new = idle.pop(), made.creates.pop()
        made.updates.append(new._replace(handle=reused.handle))
    made.deletes.extend(each.handle for each in idle)
    return made


def _plan_ports(
    ports: Ports, slices: Iterable[Slice[H]], endpoints: Sequence[Endpoint], made: Plan[H]
) -> list[Slice[H]]:
    """Plan one set of ports; return the slices that are no longer needed for it."""
    sorted_ = _keep(slices, endpoints)
    _fill(sorted_)
    idle = []
    for draft in sorted_.drafts:
        if not draft.kept:
            idle.append(draft.slice)
        elif draft.changed:
            made.updates.append(Rewrite(draft.slice.handle, ports, tuple(draft.kept)))
    rest = sorted_.homeless
    for start in range(0, len(rest), ENDPOINTS_MAX):
        made.creates.append(Rewrite(None, ports, tuple(rest[start : start + ENDPOINTS_MAX])))
    return idle


def _keep(slices: Iterable[Slice[H]], endpoints: Sequence[Endpoint]) -> _Sorted[H]:
    """Leave in each slice what is still wanted, in its newest version."""
    wanted = {each.identity: each for each in endpoints}
    drafts = []
    for each in slices:
        kept = [
            found for old in each.endpoints if (found := wanted.pop(old.identity, None)) is not None
        ]
        drafts.append(_Draft(each, kept, tuple(kept) != each.endpoints))
    return _Sorted(drafts, list(wanted.values()))


def _fill(to: _Sorted[H]) -> None:
    """Give the homeless room in slices that are written anyway, or all of them in one more.

    A slice that has become empty is among the former: to fill it is one write, to delete it and
    write another (as Kubernetes may) would be two.
    """
    rest = to.homeless
    written = [draft for draft in to.drafts if draft.changed]
    for draft in sorted(written, key=lambda draft: draft.room):  # the fullest first
        taken = rest[: draft.room]
        draft.kept += taken
        del rest[: len(taken)]
    if not rest:
        return
    untouched = [draft for draft in to.drafts if not draft.changed]
    fitting = [draft for draft in untouched if draft.room >= len(rest) % ENDPOINTS_MAX]
    if fitting and len(rest) % ENDPOINTS_MAX:
        best = min(fitting, key=lambda draft: draft.room)
        tail = len(rest) - len(rest) % ENDPOINTS_MAX
        best.kept += rest[tail:]
        best.changed = True
        del rest[tail:]
