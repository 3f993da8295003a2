"""The auditor against a small server: it agrees with the truth, and finds every falsehood."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import bench.audit
from bench.audit.listing import ListingError, Stream
from bench.audit.main import audit, main
from bench.audit.recording_file import RecordedPod, Recording
from bench.auditing import falsify
from tests.bench.list_server import Lists, item, running_pod, serving, two_pods

TRUE = Recording(
    label="full",
    running=True,
    pods={
        "u-1": RecordedPod("load-1", "a", "n1", "7"),
        "u-2": RecordedPod("load-1", "b", "n1", "8"),
    },
    pods_seen=["u-1", "u-2"],
    controllers={"u-rc": ["load-1", "rc"]},
    namespaces={"u-l": "load-1"},
    nodes={"u-n": "n1"},
)


def disagreements(lists: Lists, recording: Recording) -> list[str]:
    with serving(lists) as url:
        return cast("list[str]", audit(url, recording)["disagreements"])


def test_auditor_agrees_with_a_true_recording() -> None:
    assert disagreements(two_pods(), TRUE) == []


def test_auditor_follows_continue_tokens() -> None:
    lists = two_pods()
    lists.page = 1

    assert disagreements(lists, TRUE) == []


def test_pods_of_the_store_that_the_watch_cache_does_not_tell_are_found() -> None:
    lists = two_pods()
    lists.stored = [running_pod("a", "u-1", "7", "u-rc"), running_pod("b", "u-2", "9", "u-rc")]

    assert disagreements(lists, TRUE) == [
        "1 pods are not the same in the store and in the watch cache (u-2)"
    ]


def test_store_is_not_held_against_the_cache_while_the_cache_would_answer_both() -> None:
    lists = two_pods()
    lists.newest, lists.stored = "42", []

    with serving(lists) as url:
        found = audit(url, TRUE)

    assert (found["disagreements"], found["stored_pods"]) == ([], None)


@pytest.mark.parametrize("times", [1, 2])
def test_lists_whose_revision_is_compacted_away_meanwhile_are_listed_on(times: int) -> None:
    lists = two_pods()
    lists.page, lists.gone = 1, times

    assert disagreements(lists, TRUE) == []


def test_pods_never_listed_at_a_revision_that_lasts_are_no_audit() -> None:
    lists = two_pods()
    lists.gone = 99

    with serving(lists) as url, pytest.raises(ListingError, match="HTTP 410"):
        audit(url, TRUE)


def test_pods_that_never_rest_are_listed_at_the_revision_of_the_recording() -> None:
    lists = two_pods()

    assert disagreements(lists, replace(TRUE, revision="8")) == []

    asked = [query for kind, query in lists.queries if kind == "pods"]
    assert asked == ["resourceVersion=8&resourceVersionMatch=Exact"]


def _recorded(uid: str, **changes: str) -> Recording:
    pod = replace(TRUE.pods[uid], **cast("Any", changes))
    return replace(TRUE, pods={**TRUE.pods, uid: pod})


RECORDINGS = [
    (falsify(TRUE, "forget-pod"), "1 listed pods are not in the recording (u-1)"),
    (falsify(TRUE, "forge-revision"), "load-1/a at 7, recorded at 1"),
    (_recorded("u-2", name="c"), "load-1/b, recorded as load-1/c"),
    (_recorded("u-2", node="n2"), "load-1/b on another node than 'n2'"),
    (
        replace(TRUE, pods={**TRUE.pods, "u-3": RecordedPod("load-1", "c", "n1", "9")}),
        "1 recorded pods are not listed (u-3)",
    ),
    (replace(TRUE, controllers={}), "1 listed controllers are not in the recording (u-rc)"),
    (replace(TRUE, nodes={"u-x": "n1"}), "1 recorded nodes are not listed (u-x)"),
    (replace(TRUE, namespaces={"u-y": "load-2"}), "1 namespaces that were created are not listed"),
    (replace(TRUE, pods_seen=[]), "1 events are about pods that were never seen (load-1/e)"),
]


@pytest.mark.parametrize(("recording", "words"), RECORDINGS)
def test_auditor_finds_what_is_wrong_in_a_recording(recording: Recording, words: str) -> None:
    found = disagreements(two_pods(), recording)

    assert any(words in sentence for sentence in found), found


def _stop_a_pod(lists: Lists) -> None:
    lists.items["pods"][0]["status"]["phase"] = "Pending"


def _lose_a_node(lists: Lists) -> None:
    lists.items["pods"][0]["spec"]["nodeName"] = "n9"


def _want_more(lists: Lists) -> None:
    lists.items["controllers"][0]["spec"]["replicas"] = 3


def _list_twice(lists: Lists) -> None:
    lists.items["pods"].append(running_pod("a", "u-1", "7"))


def _name_twice(lists: Lists) -> None:
    lists.items["nodes"].append(item("Node", "n1", "u-n2"))


SERVERS = [
    (_stop_a_pod, "1 pods are listed as not running (load-1/a)"),
    (_lose_a_node, "1 pods are on no listed node (load-1/a)"),
    (_want_more, "load-1/rc owns 2, wants 3"),
    (_list_twice, "1 pods share a uid (u-1)"),
    (_name_twice, "1 nodes share a name (n1)"),
]


@pytest.mark.parametrize(("falsify_lists", "words"), SERVERS)
def test_auditor_finds_what_is_wrong_in_the_lists(
    falsify_lists: Callable[[Lists], None], words: str
) -> None:
    lists = two_pods()
    falsify_lists(lists)

    found = disagreements(lists, TRUE)

    assert any(words in sentence for sentence in found), found


def test_auditor_does_not_ask_for_running_pods_when_there_are_to_be_none() -> None:
    lists = two_pods()
    lists.items["pods"], lists.items["controllers"] = [], []
    empty = replace(TRUE, running=False, pods={}, controllers={})

    assert disagreements(lists, empty) == []


def test_auditor_process_writes_what_it_found(tmp_path: Path) -> None:
    TRUE.write(tmp_path / "recording.json")
    arguments = ["--recording", str(tmp_path / "recording.json"), "--out", str(tmp_path / "o.json")]

    with serving(two_pods()) as url:
        code = main(["--server", url, *arguments])

    assert code == 0
    found = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert found.pop("memory_max_mib") > 1
    assert found == {
        "label": "full",
        "revision": 43,
        "counts": {"namespaces": 2, "nodes": 1, "controllers": 1, "pods": 2, "events": 1},
        "disagreements": [],
        "stored_pods": 2,
        "servers": 1,
    }


def test_auditor_that_cannot_list_fails_and_writes_nothing(tmp_path: Path) -> None:
    TRUE.write(tmp_path / "recording.json")
    lists = two_pods()
    lists.fail = "events"
    arguments = ["--recording", str(tmp_path / "recording.json"), "--out", str(tmp_path / "o.json")]

    with serving(lists) as url:
        code = main(["--server", url, *arguments])

    assert code == 1
    assert not (tmp_path / "o.json").exists()


def test_listing_says_what_the_server_answered() -> None:
    lists = two_pods()
    lists.fail = "pods"

    with serving(lists) as url, pytest.raises(ListingError, match="HTTP 500"):
        list(Stream(url, "pods").items())


def test_a_recording_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    TRUE.write(tmp_path / "r.json")

    assert Recording.read(tmp_path / "r.json") == TRUE


def test_auditor_shares_no_decoder_with_what_it_audits() -> None:
    package = Path(bench.audit.__file__).parent
    imported = {
        name
        for file in package.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }

    assert not [name for name in imported if name.split(".")[0] in ("serialization", "cluster")]
    assert all(name.startswith("bench.audit") for name in imported if name.startswith("bench"))


def test_store_without_old_states_is_asked_for_none() -> None:
    lists = two_pods()
    lists.gone = 99
    recording = replace(TRUE, revision="7")
    with serving(lists) as url:
        found = audit(url, recording, old_revisions=False)
    assert (found["disagreements"], found["stored_pods"]) == ([], None)
    assert all("Exact" not in query for _kind, query in lists.queries)


@pytest.mark.parametrize("version", ["6", "9"])
def test_pods_that_changed_since_the_recording_are_left_out_where_no_old_state_tells(
    version: str,
) -> None:
    lists = two_pods()
    lists.items["pods"][1] = running_pod("b", "u-2", version, "u-rc")
    with serving(lists) as url:
        found = audit(url, replace(TRUE, revision="8"), old_revisions=False)
    assert bool(found["disagreements"]) == (version == "6")
