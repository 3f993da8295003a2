"""What a controller wrote and has not seen come back: when a service may be looked at again."""

from __future__ import annotations

from cluster.client.interface import ObjectKey
from cluster.controllers.service_endpoints.unseen import UNSEEN_TTL_S, Unseen

KEY = ObjectKey("ns", "web")
TTL_NS = int(UNSEEN_TTL_S * 1e9)


def test_service_is_held_back_until_its_write_is_seen() -> None:
    unseen = Unseen()
    unseen.wrote(KEY, "u", "7", 0)
    held_back = unseen.settled(KEY, 1)

    older, newer = unseen.saw(KEY, "u", "6"), unseen.saw(KEY, "u", "7")

    assert (held_back, older, newer) == (False, False, True)
    assert unseen.settled(KEY, 2)
    assert len(unseen) == 0


def test_own_write_of_a_service_that_nobody_asked_for_causes_no_look() -> None:
    unseen = Unseen()
    unseen.wrote(KEY, "u", "7", 0)

    assert not unseen.saw(KEY, "u", "7")
    assert unseen.settled(KEY, 0)


def test_writes_of_others_cause_a_look() -> None:
    unseen = Unseen()
    unseen.wrote(KEY, "u", "7", 0)

    assert unseen.saw(KEY, "other", "3")
    assert unseen.saw(KEY, "u", "8")
    assert unseen.saw_gone(KEY, "u")


def test_removal_is_awaited_through_changes_on_the_way() -> None:
    unseen = Unseen()
    unseen.removed(KEY, "u", 0)

    assert not unseen.saw(KEY, "u", "9")  # a finalizer, still there
    assert not unseen.settled(KEY, 1)
    assert unseen.saw_gone(KEY, "u")
    assert unseen.settled(KEY, 1)


def test_service_of_several_writes_waits_for_the_last() -> None:
    unseen = Unseen()
    unseen.wrote(KEY, "a", "7", 0)
    unseen.removed(KEY, "b", 0)
    unseen.settled(KEY, 0)

    assert not unseen.saw(KEY, "a", "7")
    assert unseen.saw_gone(KEY, "b")


def test_lost_event_is_not_waited_for_for_ever() -> None:
    unseen = Unseen()
    unseen.wrote(KEY, "u", "7", 0)

    assert not unseen.settled(KEY, TTL_NS - 1)
    assert unseen.settled(KEY, TTL_NS)


def test_object_that_went_before_it_was_seen_is_looked_for() -> None:
    unseen = Unseen()
    unseen.wrote(KEY, "u", "7", 0)

    assert unseen.saw_gone(KEY, "u")
    assert unseen.settled(KEY, 0)
