"""The graph alone: what is told to it, what it asks to be looked at, and what it keeps."""

from __future__ import annotations

from cluster.client.interface import ObjectKey, OwnerRef
from cluster.controllers.garbage.graph import LIVES, Fate, Graph, Identity, waits_for_itself
from serialization.kinds import CONFIG_MAPS, NODES, PODS
from serialization.scheme import Resource

WAITING = Fate(deleting=True, waiting=True)
ORPHANING = Fate(deleting=True, orphaning=True)


class Asked:
    """Writes down what the graph asks for."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.lets_go: list[str] = []

    def look_at(self, uid: str) -> None:
        self.looks.append(uid)

    def let_go(self, uid: str) -> None:
        self.lets_go.append(uid)

    def taken(self) -> list[str]:
        """Return the looks since the last time."""
        looks, self.looks = self.looks, []
        return looks


def at(name: str, resource: Resource = CONFIG_MAPS, namespace: str = "ns") -> Identity:
    return Identity(resource, ObjectKey(namespace, name))


def by(name: str, uid: str = "", *, blocks: bool = True, kind: str = "ConfigMap") -> OwnerRef:
    return OwnerRef("v1", kind, name, uid or f"u-{name}", controller=False, blocks=blocks)


def see(graph: Graph, name: str, *owners: OwnerRef, fate: Fate = LIVES) -> None:
    graph.seen(f"u-{name}", at(name), owners, fate)


def test_dependent_of_an_owner_that_is_known_asks_for_nothing() -> None:
    asked = Asked()
    graph = Graph(asked)

    see(graph, "owner")
    for index in range(3):
        see(graph, f"d{index}", by("owner"))

    assert asked.taken() == []
    assert [node.uid for node in graph.dependents_of("u-owner")] == ["u-d0", "u-d1", "u-d2"]


def test_owner_not_seen_yet_is_asked_for_and_takes_its_place_when_seen() -> None:
    asked = Asked()
    graph = Graph(asked)

    see(graph, "a", by("owner"))
    see(graph, "b", by("owner"))
    first = asked.taken()
    see(graph, "owner")

    # With each dependent: since the last look at it, it may have turned out to be gone.
    assert first == ["u-owner", "u-owner"]
    assert asked.taken() == []
    assert len(graph) == 3


def test_dependents_are_asked_for_when_their_owner_has_gone() -> None:
    asked = Asked()
    graph = Graph(asked)
    see(graph, "owner")
    see(graph, "a", by("owner"))

    graph.gone("u-owner")
    graph.gone("u-owner")
    looks = asked.taken()
    graph.gone("u-a")

    assert looks == ["u-a"]
    assert len(graph) == 0


def test_owner_that_is_elsewhere_is_no_owner() -> None:
    asked = Asked()
    graph = Graph(asked)
    graph.seen("u-far", at("far", namespace="other"), (), LIVES)
    graph.seen("u-node", at("node", NODES, ""), (), LIVES)

    see(graph, "a", by("far"))
    see(graph, "b", by("far", kind="Secret"))
    see(graph, "c", by("node", kind="Node"))
    known = asked.taken()
    see(graph, "d", by("late"))
    asked.taken()
    graph.seen("u-late", at("late", PODS), (), LIVES)

    assert known == ["u-a", "u-b"]
    assert asked.taken() == ["u-d"]


def test_owner_that_waits_is_looked_at_with_each_dependent_that_goes_or_lets_it() -> None:
    asked = Asked()
    graph = Graph(asked)
    see(graph, "owner")
    for name in "abc":
        see(graph, name, by("owner"))

    see(graph, "owner", fate=WAITING)
    started = asked.taken()
    graph.gone("u-a")
    see(graph, "b", by("owner", blocks=False))
    see(graph, "c")
    after = asked.taken()
    owner = graph.get("u-owner")

    assert started == ["u-a", "u-b", "u-c", "u-owner"]
    assert after.count("u-owner") == 3
    assert owner is not None
    assert owner.blocking() == []
    assert not waits_for_itself(owner)


def test_orphaning_is_asked_for_once() -> None:
    asked = Asked()
    graph = Graph(asked)

    see(graph, "owner", fate=ORPHANING)
    see(graph, "owner", fate=ORPHANING)

    assert asked.lets_go == ["u-owner"]


def test_circle_of_waiting_owners_waits_for_itself_until_something_else_holds_it() -> None:
    asked = Asked()
    graph = Graph(asked)
    see(graph, "a", by("b"), fate=WAITING)
    see(graph, "b", by("a"), fate=WAITING)
    first = graph.get("u-a")
    assert first is not None

    alone = waits_for_itself(first)
    see(graph, "held", by("b"), fate=Fate(deleting=True))

    assert alone
    assert not waits_for_itself(first)


def test_object_whose_owners_are_all_there_is_held() -> None:
    graph = Graph(Asked())
    see(graph, "one")
    see(graph, "two")
    see(graph, "a", by("one"), by("two"))
    node = graph.get("u-a")
    assert node is not None

    held = graph.is_held(node)
    see(graph, "two", fate=WAITING)
    waiting = graph.is_held(node)
    graph.gone("u-two")

    assert (held, waiting, graph.is_held(node)) == (True, False, False)
