"""etcdctl 2 on a served engine: every command says what it says with a real etcd, or we say why."""

from __future__ import annotations

import pytest

from tests.real_etcd import require_etcd
from tests.storage.serve.etcdctl import require_etcdctl
from tests.storage.serve2.etcdctl_beside_real import Told, comparable, play, table


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    require_etcd()
    require_etcdctl()
    return play(tmp_path_factory.mktemp("etcdctl2"))


@pytest.mark.slow
def test_commands_say_what_they_say_with_a_real_etcd(told: list[Told]) -> None:
    differences = [
        (each.step.words, comparable(each.real), comparable(each.ours))
        for each in told
        if each.same == bool(each.step.note)
    ]

    assert differences == []


@pytest.mark.slow
def test_the_table_has_a_row_for_each_command(told: list[Told]) -> None:
    rows = [line for line in table(told).splitlines() if line.startswith("| ")][1:]

    assert len(rows) == len(told)
    noted = [each.step.words for each in told if each.step.note]
    assert sum(row.endswith("| yes |") for row in rows) == len(told) - len(noted)
