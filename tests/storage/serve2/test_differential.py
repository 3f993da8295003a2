"""A short form of ``differential``: random requests to a real etcd 2 and to ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real_etcd import require_etcd
from tests.storage.serve2.differential import play_beside_real


@pytest.mark.slow
@pytest.mark.parametrize("seed", [11, 12])
def test_random_requests_are_answered_as_by_a_real_etcd(seed: int, tmp_path: Path) -> None:
    require_etcd()

    played = play_beside_real(tmp_path, operations=800, seed=seed)

    assert played.operations == 800
    assert played.watches > 20
    assert played.differences == []
