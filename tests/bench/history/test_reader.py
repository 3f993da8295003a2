"""What a process writes down is what the checker reads, torn ends included."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.history.reader import UnreadableHistoryError, read_history
from cluster.client.history import BUFFER_RECORDS, HistoryWriter
from cluster.client.history_format import Flag, Kind, Seen, Verb, names_path, records_path
from serialization.kinds import NODES, PODS
from storage.clock import SystemClock

CLOCK = SystemClock()


def _write(directory: Path, process: str, records: int, *, close: bool = True) -> None:
    writer = HistoryWriter(directory, process, CLOCK)
    source = writer.source(client="work")
    for number in range(records):
        key = writer.key(PODS, "default", f"pod-{number % 7}")
        node = writer.name("n1")
        at = (0, Flag.BOUND, 0, source, key, node, 0, number, number + 1, 10, 20)
        writer.put((Kind.WRITE, Verb.BIND, *at))
    writer.flush()
    path = records_path(directory, process)
    killed = path.read_bytes()
    writer.close()
    if not close:
        path.write_bytes(killed)


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    _write(tmp_path, "control", 2 * BUFFER_RECORDS + 3)

    history = read_history(tmp_path)

    control = history.processes["control"]
    assert control.closed
    assert control.torn_bytes == 0
    writes = control.of(Kind.WRITE)
    assert len(writes) == 2 * BUFFER_RECORDS + 3
    assert writes["revision"].tolist() == list(range(1, len(writes) + 1))
    assert history.name(int(writes["key"][8])) == "/registry/pods/default/pod-1"
    assert history.name(int(writes["node"][0])) == "n1"
    assert history.source(int(writes["source"][0])) == ("control", {"client": "work"})


def test_names_have_one_number_in_all_processes_but_sources_stay_apart(tmp_path: Path) -> None:
    with (
        HistoryWriter(tmp_path, "a", CLOCK) as first,
        HistoryWriter(tmp_path, "b", CLOCK) as second,
    ):
        first.name("only here")
        for writer in (first, second):
            source = writer.source(client="work")
            key = writer.once(NODES, "", "n1")
            writer.put((Kind.EVENT, Seen.ADDED, 0, 0, 0, source, key, 0, 0, 0, 5, 1, 1))

    history = read_history(tmp_path)

    a, b = (history.processes[name].of(Kind.EVENT)[0] for name in "ab")
    assert a["key"] == b["key"] == history.number("/registry/minions/n1")
    assert a["source"] != b["source"]


@pytest.mark.parametrize("cut", [1, 55])
def test_a_torn_last_record_is_left_out_and_said(tmp_path: Path, cut: int) -> None:
    _write(tmp_path, "nodes", 5, close=False)
    path = records_path(tmp_path, "nodes")
    path.write_bytes(path.read_bytes()[:-cut])

    nodes = read_history(tmp_path).processes["nodes"]

    assert len(nodes.records) == 4
    assert nodes.torn_bytes == 56 - cut
    assert not nodes.closed


def test_records_that_are_missing_in_between_leave_the_history_open(tmp_path: Path) -> None:
    _write(tmp_path, "nodes", 5)
    path = records_path(tmp_path, "nodes")
    whole = path.read_bytes()
    path.write_bytes(whole[:64] + whole[64 + 56 :])

    assert not read_history(tmp_path).processes["nodes"].closed


def test_names_that_are_missing_are_an_error(tmp_path: Path) -> None:
    _write(tmp_path, "nodes", 5)
    names_path(tmp_path, "nodes").write_bytes(b"")

    with pytest.raises(UnreadableHistoryError, match="mentions a name"):
        read_history(tmp_path)


@pytest.mark.parametrize("content", [b"", b"x" * 64])
def test_what_is_no_history_is_an_error(tmp_path: Path, content: bytes) -> None:
    records_path(tmp_path, "nodes").write_bytes(content)

    with pytest.raises(UnreadableHistoryError):
        read_history(tmp_path)


def test_an_empty_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableHistoryError, match="no history"):
        read_history(tmp_path)
