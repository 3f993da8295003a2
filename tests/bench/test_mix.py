from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.workload import mix


@given(st.integers(0, 200_000))
def test_sizes_add_up_to_the_pods_exactly(pods: int) -> None:
    assert sum(mix.sizes(pods)) == pods
    assert all(size > 0 for size in mix.sizes(pods))


def test_sizes_follow_clusterloader_s_mix() -> None:
    sizes = mix.sizes(60_000)

    assert 250 * sizes.count(250) == 15_000
    assert 30 * sizes.count(30) == 15_000
    assert 5 * sizes.count(5) == 30_000


def test_groups_have_names_of_their_own_and_are_dealt_to_all_namespaces() -> None:
    groups = mix.groups(2_000, 500)

    assert len({group.name for group in groups}) == len(groups)
    assert {group.namespace for group in groups} == {f"load-{i}" for i in range(1, 6)}


def test_a_small_cluster_has_one_namespace() -> None:
    assert mix.namespaces(5) == ["load-1"]
