"""A served engine and a real etcd 3.4 answer alike, field by field, over random requests."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.etcd_members import EtcdCluster
from tests.real_etcd import StartEtcd, one_member, start_etcd
from tests.storage.serve.beside_real import play

__all__ = ["StartEtcd", "one_member", "start_etcd"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_random_requests_are_answered_as_by_a_real_etcd(seed: int, one_member: EtcdCluster) -> None:
    target = urlsplit(one_member.endpoints[0]).netloc or one_member.endpoints[0]

    differences = asyncio.run(play(target, seed, 1500))

    assert differences == []
