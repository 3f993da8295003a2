"""What is remembered of pod specs is what would be found out again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from cluster.apiserver.errors import StatusError
from cluster.apiserver.resources.pod import PodStrategy
from cluster.apiserver.resources.pod_specs import SPEC_MAX_BYTES, SPECS_MAX, BySpec
from serialization.api.core.v1_pb2 import Pod
from tests.serialization.strategies import messages


@settings(max_examples=50, deadline=None)
@given(messages(Pod))
def test_pod_is_admitted_alike_whether_its_spec_was_seen_or_not(pod: Pod) -> None:
    seen = PodStrategy()
    for _ in range(3):
        try:
            first = _admitted(PodStrategy(), pod)
        except StatusError:
            with pytest.raises(StatusError):
                _admitted(seen, pod)
        else:
            assert _admitted(seen, pod) == first


@settings(max_examples=50, deadline=None)
@given(messages(Pod))
def test_pod_is_filled_in_alike_whether_its_spec_was_seen_or_not(pod: Pod) -> None:
    seen, fresh = PodStrategy(), _copy(pod)
    PodStrategy().default(fresh)
    for _ in range(3):
        again = _copy(pod)
        seen.default(again)
        seen.default(again)

        assert again == fresh


def test_oldest_spec_is_forgotten_and_a_big_one_is_not_kept() -> None:
    known: BySpec[int] = BySpec()
    for number in range(SPECS_MAX + 1):
        known.keep(b"%d" % number, number)
    known.keep(b"x" * (SPEC_MAX_BYTES + 1), 1)

    assert known.get(b"0") is None
    assert [known.get(b"%d" % number) for number in (1, SPECS_MAX)] == [1, SPECS_MAX]
    assert known.get(b"x" * (SPEC_MAX_BYTES + 1)) is None


def _admitted(strategy: PodStrategy, pod: Pod) -> Pod:
    new = _copy(pod)
    strategy.admit(new)
    return new


def _copy(pod: Pod) -> Pod:
    copy = Pod()
    copy.CopyFrom(pod)
    return copy
