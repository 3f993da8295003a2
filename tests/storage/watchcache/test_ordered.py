from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.watchcache.objects import CachedObject
from storage.watchcache.ordered import BLOCK_MAX, OrderedObjects, Snapshot

KEYS = st.builds(
    lambda space, name: f"/registry/pods/{space}/{name}".encode(),
    st.sampled_from(("a", "ab", "b", "c-1")),
    st.integers(0, 40).map(str),
)


def entry(key: bytes, revision: int) -> CachedObject:
    return CachedObject(key, "", labels={}, fields=(), revision=revision, bare=b"")


def state(snapshot: Snapshot) -> list[tuple[bytes, int]]:
    return [(obj.key, obj.revision) for obj in snapshot]


@given(st.lists(st.tuples(st.sampled_from(("put", "remove", "snapshot")), KEYS), max_size=120))
def test_ordered_objects_equal_a_sorted_dict_and_snapshots_never_change(
    steps: list[tuple[str, bytes]],
) -> None:
    ordered, model = OrderedObjects(), dict[bytes, int]()
    taken: list[tuple[Snapshot, list[tuple[bytes, int]]]] = []

    for revision, (step, key) in enumerate(steps):
        if step == "put":
            ordered.put(entry(key, revision))
            model[key] = revision
        elif step == "remove":
            gone = ordered.remove(key)
            assert (gone.revision if gone is not None else None) == model.pop(key, None)
        else:
            prefix = key[: key.rindex(b"/") + 1]
            want = sorted((k, r) for k, r in model.items() if k.startswith(prefix))
            taken.append((ordered.snapshot(prefix, revision), want))

    assert state(ordered.snapshot(b"/registry/pods/", 0)) == sorted(model.items())
    assert len(ordered) == len(model)
    for snapshot, want in taken:
        assert state(snapshot) == want
        assert len(snapshot) == len(want)


def test_ordered_objects_split_into_bounded_blocks() -> None:
    ordered = OrderedObjects()
    count = 5 * BLOCK_MAX

    for number in range(count):
        ordered.put(entry(f"/p/{number * 7919 % count:06}".encode(), number))

    runs = list(ordered.snapshot(b"/p/", 0).slices())
    assert max(map(len, runs)) <= BLOCK_MAX
    keys = [obj.key for run in runs for obj in run]
    assert keys == sorted(keys)
    assert len(keys) == count


def test_snapshot_goes_on_behind_a_key_whether_it_is_there_or_not() -> None:
    ordered = OrderedObjects()
    for name in "bdf":
        ordered.put(entry(f"/p/{name}".encode(), 1))
    snapshot = ordered.snapshot(b"/p/", 1)

    behind = {after: [obj.key for run in snapshot.slices(after) for obj in run]
              for after in (b"/p/a", b"/p/b", b"/p/c", b"/p/f")}  # fmt: skip

    assert behind == {
        b"/p/a": [b"/p/b", b"/p/d", b"/p/f"],
        b"/p/b": [b"/p/d", b"/p/f"],
        b"/p/c": [b"/p/d", b"/p/f"],
        b"/p/f": [],
    }
    assert snapshot.remaining(b"/p/b") == 2


@given(st.sets(KEYS), st.sets(KEYS), st.integers(1, 5))
def test_loaded_objects_are_what_putting_them_one_by_one_makes(
    loaded: set[bytes], put: set[bytes], piece: int
) -> None:
    at_once, one_by_one = OrderedObjects(), OrderedObjects()
    objects = [entry(key, 1) for key in sorted(loaded)]
    for start in range(0, len(objects), piece):
        at_once.load(objects[start : start + piece])
    for obj in objects:
        one_by_one.put(obj)
    for key in sorted(put):
        at_once.put(entry(key, 2))
        one_by_one.put(entry(key, 2))

    prefix = b"/registry/pods/"
    assert state(at_once.snapshot(prefix, 0)) == state(one_by_one.snapshot(prefix, 0))
    assert len(at_once) == len(one_by_one)
