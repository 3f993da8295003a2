"""Patches of statuses: applied by the rules of a strategic merge they give the new status."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.kubelet.durations import format_duration, parse_duration_ms, parse_span
from cluster.kubelet.status_patch import difference, status_patch
from serialization.api.core.v1_pb2 import PodStatus
from serialization.patch.strategic import strategic_merge

CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from("abcd"), "status": st.sampled_from(["True", "False"])},
        optional={"reason": st.sampled_from("xy"), "message": st.text(max_size=3)},
    ),
    max_size=4,
    unique_by=itemgetter("type"),
)
STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(["Pending", "Running"]),
        "reason": st.sampled_from("xy"),
        "conditions": CONDITIONS,
        "podIPs": st.lists(st.sampled_from("123"), max_size=2, unique=True).map(
            lambda ips: [{"ip": ip} for ip in ips]
        ),
        "containerStatuses": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from("ab"), "restartCount": st.integers(0, 2)}
            ),
            max_size=2,
        ),
    },
)


@given(old=STATUSES, new=STATUSES)
def test_patch_makes_of_the_old_status_the_new_one(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    patch = difference(old, new)

    patched = strategic_merge(orjson.loads(orjson.dumps(old)), patch, PodStatus)

    assert {name: value for name, value in patched.items() if value != []} == {
        name: value for name, value in new.items() if value != []
    }
    assert difference(new, new) == {}


def test_patch_carries_what_changed_and_the_uid() -> None:
    old = {"phase": "Running", "conditions": [{"type": "a", "status": "True"}, {"type": "b"}]}
    new = {"phase": "Running", "conditions": [{"type": "a", "status": "False"}, {"type": "b"}]}

    patch = orjson.loads(status_patch(old, new, "u"))

    assert patch == {
        "metadata": {"uid": "u"},
        "status": {
            "$setElementOrder/conditions": [{"type": "a"}, {"type": "b"}],
            "conditions": [{"type": "a", "status": "False"}],
        },
    }


@pytest.mark.parametrize(
    ("text", "ms"), [("0", 0), ("250ms", 250), ("5s", 5e3), ("1m30s", 90e3), ("1.5h", 5400e3)]
)
def test_durations_are_read_as_go_writes_them(text: str, ms: float) -> None:
    assert parse_duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5s:1s", "1s:", ":", "5d"])
def test_malformed_spans_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_span(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3600, "1h0m0s")]
)
def test_durations_are_written_as_go_does(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text
    assert seconds == 0 or parse_duration_ms(text) == seconds * 1000
