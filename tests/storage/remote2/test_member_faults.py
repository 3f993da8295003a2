"""Three real members that speak v2, one of which fails under load: nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.real_etcd import BRISK, StartEtcd, start_etcd  # noqa: F401  # a fixture
from tests.storage.remote.fault_story import assert_nothing_lost, story
from tests.storage.remote.test_member_faults import Fault, kill_leader, stop_leader, stop_quorum

PAUSE_S = 0.1
"""Of each writer: etcd 2 keeps a thousand changes, and a member may hang for some seconds."""


@pytest.mark.slow
@pytest.mark.parametrize("fault", [kill_leader, stop_leader, stop_quorum])
def test_writes_and_watches_survive_a_fault(start_etcd: StartEtcd, fault: Fault) -> None:  # noqa: F811
    cluster = start_etcd(replace(BRISK, enable_v2=True))

    journal, history, recorders = asyncio.run(
        story(cluster.v2_url, lambda: fault(cluster), pause_s=PAUSE_S)
    )

    assert_nothing_lost(journal, history, recorders)
