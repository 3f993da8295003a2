from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.watchcache.counters import CacheCounters
from storage.watchcache.kept import OVERHEAD_BYTES, Kept
from storage.watchcache.objects import CachedObject

FORM = b"x" * 80
SIZE = len(FORM) + OVERHEAD_BYTES


def version(number: int) -> CachedObject:
    key = b"/p/%d" % number
    return CachedObject(key, "", labels={}, fields=(), revision=number, bare=b"")


def test_kept_forms_are_dropped_oldest_first_and_counted() -> None:
    counters = CacheCounters()
    kept = Kept(3 * SIZE, counters)
    objects = [version(number) for number in range(5)]
    for obj in objects:
        kept.add(obj, "orjson", FORM)

    assert [bool(obj.others) for obj in objects] == [False, False, True, True, True]
    assert kept.bytes_held == 3 * SIZE
    assert counters.evicted == counters.flat()["watchcache_evicted"] == 2


def test_kept_form_that_was_asked_for_gets_a_second_chance_and_no_third() -> None:
    kept = Kept(2 * SIZE, CacheCounters())
    asked, other, third, fourth = (version(number) for number in range(4))
    kept.add(asked, "orjson", FORM)
    asked.used = True
    kept.add(other, "orjson", FORM)
    kept.add(third, "orjson", FORM)

    assert asked.others
    assert not other.others

    kept.add(fourth, "orjson", FORM)
    kept.add(version(4), "orjson", FORM)

    assert not asked.others


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(("json", "orjson")), st.integers(1, 400)))
)
def test_kept_bytes_are_those_of_the_forms_that_objects_hold(
    steps: list[tuple[int, str, int]],
) -> None:
    kept = Kept(1000, CacheCounters())
    objects = [version(number) for number in range(10)]
    for number, codec, size in steps:
        obj = objects[number]
        if codec in obj.others[::2]:
            obj.used = True
        else:
            kept.add(obj, codec, b"y" * size)

        held = [form for obj in objects for form in obj.others[1::2]]
        assert kept.bytes_held == sum(len(form) + OVERHEAD_BYTES for form in held) <= 1000
