"""The graph of owners and dependents, by uid; pure. What is told to it comes from informers.

How this works. Every object is a node; a node knows its owners by its references and its dependents
by links. An owner that is referred to but has not been seen is a *virtual* node: it takes the place
until the owner is seen, and holds the links of its dependents, also after the owner has gone. The
graph itself never says that something is garbage; it only says what somebody has to look at
(``Work``), and that look is a live read::

    pod p (owner r) seen, r unknown      r is virtual        look at r
    r seen                               r is observed
    r gone                               r is virtual again  look at p
    p gone                               r has no links left, and is forgotten

A node takes some 100 bytes beside the strings, which are the informer's own, and the set of its
owners, which replicas share: only metadata is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from cluster.client.interface import ObjectKey, OwnerRef
from serialization.kinds import SCHEME
from serialization.scheme import Resource, UnknownKindError


class Fate(NamedTuple):
    """What an object's metadata says about its deletion."""

    deleting: bool = False
    waiting: bool = False
    """For its dependents: it is being deleted in the foreground (finalizer foregroundDeletion)."""
    orphaning: bool = False
    """Its dependents are to be let go first (finalizer orphan)."""


LIVES: Final = Fate()


class Identity(NamedTuple):
    """Where an object is."""

    resource: Resource | None
    """None: a reference says a kind that the scheme does not know."""
    key: ObjectKey


class Work(Protocol):
    """What the graph asks for; called synchronously, may name the same uid many times."""

    def look_at(self, uid: str) -> None:
        """Find out by live reads whether this object, or this virtual owner, is still wanted."""
        ...

    def let_go(self, uid: str) -> None:
        """Take this owner off its dependents."""
        ...


class Node:
    """An object, or an owner that is only known by references to it."""

    __slots__ = ("dependents", "fate", "key", "observed", "owners", "resource", "uid")

    def __init__(self, uid: str, identity: Identity) -> None:
        self.uid = uid
        self.resource, self.key = identity
        self.owners: tuple[OwnerRef, ...] = ()
        self.dependents: dict[str, Node] | None = None
        self.fate = LIVES
        self.observed = False

    def __repr__(self) -> str:
        return f"<Node {self.uid} {self.key}{'' if self.observed else ' virtual'}>"

    def blocking(self) -> list[Node]:
        """Return the dependents that its foreground deletion waits for."""
        return [
            each
            for each in (self.dependents or {}).values()
            if any(owner.uid == self.uid and owner.blocks for owner in each.owners)
        ]


def waits_for_itself(node: Node) -> bool:
    """Whether all that a waiting owner waits for waits, too, and in the end for this owner.

    A circle like that would stand for ever; whoever is asked first goes first.
    """
    reached: dict[str, Node] = {}
    front = node.blocking()
    while front:
        each = front.pop()
        if not each.fate.waiting:
            return False
        if each.uid not in reached:
            reached[each.uid] = each
            front += each.blocking()
    return node.uid in reached


class Graph:
    """All nodes. Belongs to one loop; every method is synchronous."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._nodes: dict[str, Node] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, uid: str) -> Node | None:
        """Return the node of a uid, or None."""
        return self._nodes.get(uid)

    def seen(self, uid: str, identity: Identity, owners: tuple[OwnerRef, ...], fate: Fate) -> None:
        """An object exists, in this state: it appeared or changed."""
        node = self._nodes.get(uid)
        if node is None:
            node = self._nodes[uid] = Node(uid, identity)
            node.observed = True
        elif not node.observed:
            node.observed = True
            node.resource, node.key = identity
            self._look_at_all(d for d in _dependents(node) if not _agrees(d, node))
        if owners != node.owners:
            self._change_owners(node, owners)
        if fate != node.fate:
            self._change_fate(node, fate)

    def gone(self, uid: str) -> None:
        """An object was removed."""
        node = self._nodes.get(uid)
        if node is None or not node.observed:
            return
        node.observed = False
        node.fate = LIVES
        owners, node.owners = node.owners, ()
        for owner in owners:
            self._unlink(node, owner.uid)
        self._look_at_all(_dependents(node))
        self._forget_if_free(node)

    def is_held(self, node: Node) -> bool:
        """Whether every owner has been seen where it should be, and none waits: nothing to do.

        Should that be out of date, the change itself is on its way, and asks for a look again.
        """
        return all(
            (owner := self._nodes.get(reference.uid)) is not None
            and owner.observed
            and not owner.fate.waiting
            and _means(reference, node, owner)
            for reference in node.owners
        )

    def dependents_of(self, uid: str) -> list[Node]:
        """Return what refers to a uid."""
        node = self._nodes.get(uid)
        return _dependents(node) if node is not None else []

    def _change_owners(self, node: Node, owners: tuple[OwnerRef, ...]) -> None:
        before = {owner.uid: owner for owner in node.owners}
        after = {owner.uid: owner for owner in owners}
        node.owners = owners
        for uid, owner in after.items():
            if before.get(uid) != owner:
                self._link(node, owner)
        for uid in before:
            if uid not in after:
                self._unlink(node, uid)

    def _link(self, node: Node, owner: OwnerRef) -> None:
        """Hang a dependent below an owner, and have looked at what may be wrong or over."""
        found = self._nodes.get(owner.uid)
        if found is None:
            found = self._nodes[owner.uid] = Node(owner.uid, _identity_of(owner, node))
        if not found.observed:  # one that was asked for before may be known to be gone
            self._work.look_at(owner.uid)
        elif not _means(owner, node, found):
            self._work.look_at(node.uid)
        if found.dependents is None:
            found.dependents = {}
        found.dependents[node.uid] = node
        if found.fate.waiting:  # one more to go, or one less to wait for
            self._work.look_at(node.uid)
            self._work.look_at(owner.uid)

    def _unlink(self, node: Node, owner_uid: str) -> None:
        owner = self._nodes.get(owner_uid)
        if owner is None or owner.dependents is None:
            return
        owner.dependents.pop(node.uid, None)
        if not owner.dependents:
            owner.dependents = None
        if owner.fate.waiting:
            self._work.look_at(owner_uid)
        self._forget_if_free(owner)

    def _forget_if_free(self, node: Node) -> None:
        if not node.observed and node.dependents is None:
            self._nodes.pop(node.uid, None)

    def _change_fate(self, node: Node, fate: Fate) -> None:
        before, node.fate = node.fate, fate
        if fate.orphaning and not before.orphaning:
            self._work.let_go(node.uid)
        if fate.waiting and not before.waiting:
            self._look_at_all(_dependents(node))
            self._work.look_at(node.uid)

    def _look_at_all(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            self._work.look_at(node.uid)


def _dependents(node: Node) -> list[Node]:
    return [*node.dependents.values()] if node.dependents else []


def resource_of(owner: OwnerRef) -> Resource | None:
    """Return the resource that a reference means, or None where the scheme has no such kind."""
    try:
        return SCHEME.by_kind(owner.api_version, owner.kind)
    except UnknownKindError:
        return None


def _identity_of(owner: OwnerRef, dependent: Node) -> Identity:
    """Return where an owner should be: beside its dependent, or outside of all namespaces."""
    resource = resource_of(owner)
    namespaced = resource is None or resource.namespaced
    return Identity(resource, ObjectKey(dependent.key.namespace if namespaced else "", owner.name))


def _agrees(dependent: Node, owner: Node) -> bool:
    """Whether a dependent's references say what its owner is, and are from where they may be."""
    return all(
        _means(reference, dependent, owner)
        for reference in dependent.owners
        if reference.uid == owner.uid
    )


def _means(reference: OwnerRef, dependent: Node, owner: Node) -> bool:
    resource = owner.resource
    return (
        resource is not None
        and reference.name == owner.key.name
        and reference.kind == resource.kind
        and reference.api_version == resource.api_version
        and (not resource.namespaced or owner.key.namespace == dependent.key.namespace)
    )
