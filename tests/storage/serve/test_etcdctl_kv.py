"""etcdctl 3 on a served engine: the same commands to a real etcd print the same."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.etcd_members import EtcdCluster
from tests.real_etcd import shared_etcd  # noqa: F401  # a fixture
from tests.storage.serve.etcdctl import Etcdctl, Output, require_etcdctl, served_process

pytestmark = pytest.mark.slow

TREE: Final = ("kv/a", "kv/b", "kv/b/1", "kv/b/2", "kv/c", "kv/d")

COMMANDS: Final = (
    ("get", "kv/a"),
    ("get", "kv/none"),
    ("get", "kv/", "--prefix"),
    ("get", "kv/b", "--prefix", "--keys-only"),
    ("get", "kv/b", "kv/d"),
    ("get", "kv/b", "kv/d", "--print-value-only"),
    ("get", "kv/", "--prefix", "--limit=2"),
    ("get", "kv/", "--prefix", "--order=DESCEND"),
    ("get", "kv/", "--prefix", "--order=ASCEND", "--sort-by=VALUE"),
    ("get", "kv/", "--prefix", "--order=DESCEND", "--sort-by=VERSION", "--limit=1"),
    ("get", "kv/", "--prefix", "--order=DESCEND", "--sort-by=CREATE"),
    ("get", "kv/", "--prefix", "--order=ASCEND", "--sort-by=MODIFY", "--keys-only"),
    ("get", "kv/", "--prefix", "--count-only", "--write-out=fields"),
    ("get", "kv/d", "kv0", "--consistency=s"),
    ("get", "kv/a", "--hex"),
    ("put", "kv/a", "again", "--prev-kv"),
    ("put", "kv/a", "--ignore-value", "--prev-kv"),
    ("put", "kv/none", "--ignore-value"),
    ("put", "kv/a", "x", "--lease=1234abcd"),
    ("get", "kv/a", "--rev=100000"),
    ("put", "kv/empty", ""),
    ("get", "kv/empty"),
    ("del", "kv/b", "--prefix", "--prev-kv"),
    ("del", "kv/none"),
    ("del", "kv/c", "kv/e"),
    ("get", "kv/", "--prefix"),
    ("del", "kv/", "--prefix"),
)

TXNS: Final = (
    # compares, then the operations where they hold, then those where they do not
    'create("tx/a") = "0"\n\nput tx/a one\nget tx/a\n\nget tx/a\n\n',
    'create("tx/a") = "0"\n\nput tx/a one\n\nget tx/a\n\n',
    'value("tx/a") = "one"\nversion("tx/a") > "0"\n\nput tx/b two\nput tx/c three\n\n\n',
    'value("tx/b") < "zzz"\nmod("tx/c") > "0"\n\nget tx/ tx0\ndel tx/b\nget tx/ tx0\n\n\n',
    'version("tx/a") = "1"\n\ndel tx/ tx0\n\n\n',
    'value("tx/none") = ""\n\nput tx/a yes\n\nput tx/a no\n\n',
    'version("tx/none") = "0"\n\nput tx/k 1\nput tx/k 2\n\n\n',
    'version("tx/none") = "0"\n\ndel tx/ tx0\n\n\n',
)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcdctl]:
    require_etcdctl()
    with served_process(tmp_path_factory.mktemp("served")) as served:
        yield Etcdctl(served.url)


@pytest.fixture(scope="module")
def real(shared_etcd: EtcdCluster) -> Etcdctl:  # noqa: F811  # the fixture
    return Etcdctl(shared_etcd.endpoints[0])


def told(output: Output) -> tuple[int, str, str]:
    """Return what both must say: without ids and revisions."""
    text = re.sub(r'"(ClusterID|MemberID|Revision|RaftTerm)" : \d+', r'"\1"', output.out)
    return output.code, text, output.error


def test_commands_print_what_they_print_with_a_real_etcd(ours: Etcdctl, real: Etcdctl) -> None:
    differences = []
    for number, key in enumerate(reversed(TREE)):
        for to in (ours, real):
            assert to("put", key, f"value {number * 7 % 6}").out == "OK\n"
    for words in COMMANDS:
        got, want = told(ours(*words)), told(real(*words))
        if got != want:
            differences.append((words, got, want))

    assert differences == []


def test_transactions_print_what_they_print_with_a_real_etcd(ours: Etcdctl, real: Etcdctl) -> None:
    differences, outcomes = [], []
    for text in TXNS:
        got, want = (told(to("txn", stdin=text)) for to in (ours, real))
        if got != want:
            differences.append((text, got, want))
        outcomes.append(got[1].partition("\n")[0])

    assert outcomes == ["SUCCESS", "FAILURE", *["SUCCESS"] * 3, "FAILURE", "", "SUCCESS"]
    assert differences == []


def test_old_revisions_are_read_until_they_are_compacted(ours: Etcdctl) -> None:
    revisions = []
    for value in ("1", "2", "3"):
        said = json.loads(ours("put", "old/key", value, "--write-out=json").out)
        revisions.append(said["header"]["revision"])

    before = ours("get", "old/key", f"--rev={revisions[0]}")
    compacted = ours("compact", str(revisions[1]), "--physical")
    gone = ours("get", "old/key", f"--rev={revisions[0]}")
    kept = ours("get", "old/key", f"--rev={revisions[1]}")
    again = ours("compact", str(revisions[1]))
    future = ours("compact", str(revisions[2] + 100))

    assert before.out == "old/key\n1\n"
    assert compacted.out == f"compacted revision {revisions[1]}\n"
    assert "required revision has been compacted" in gone.error
    assert kept.out == "old/key\n2\n"
    assert "required revision has been compacted" in again.error
    assert "required revision is a future revision" in future.error


def test_from_key_reads_and_deletes_to_the_end(ours: Etcdctl) -> None:
    for key in ("zz/1", "zz/2", "zz/3"):
        ours("put", key, "v")

    read = ours("get", "--from-key", "zz/2", "--keys-only")
    deleted = ours("del", "--from-key", "zz/2")

    assert read.out.split() == ["zz/2", "zz/3"]
    assert deleted.out == "2\n"
    assert ours("get", "zz/", "--prefix", "--keys-only").out.split() == ["zz/1"]


def test_binary_keys_and_values_pass_unharmed(ours: Etcdctl) -> None:
    ours("put", "bin/\u2603\x01", stdin="\x00\x01\x7f")

    shown = json.loads(ours("get", "bin/", "--prefix", "--write-out=json").out)

    assert [base64.b64decode(shown["kvs"][0][part]) for part in ("key", "value")] == [
        b"bin/\xe2\x98\x83\x01",
        b"\x00\x01\x7f",
    ]


def test_acknowledged_writes_are_there_after_a_restart(tmp_path: Path) -> None:
    require_etcdctl()
    with served_process(tmp_path) as served:
        Etcdctl(served.url)("put", "stays", "here")
    with served_process(tmp_path) as served:
        assert Etcdctl(served.url)("get", "stays").out == "stays\nhere\n"
