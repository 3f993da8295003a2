"""The auditor holds the lists of several API servers of one store against each other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from bench.audit.main import audit
from bench.audit.servers import compare_servers
from tests.bench.list_server import Lists, running_pod, serving, two_pods
from tests.bench.test_auditor import TRUE


def lose_a_pod(lists: Lists) -> None:
    """One is not in the second server's cache."""
    del lists.items["pods"][1]


def keep_an_old_version(lists: Lists) -> None:
    """The second server has not heard of a change."""
    lists.items["pods"][0]["metadata"]["resourceVersion"] = "6"


def have_another_pod(lists: Lists) -> None:
    """The second server has another pod of a name."""
    lists.items["pods"][0]["metadata"]["uid"] = "u-other"


def invent_a_node(lists: Lists) -> None:
    """The second server knows a node more."""
    lists.items["nodes"].append(running_pod("n9", "u-n9", "9"))


def disagreements(falsify: Callable[[Lists], None] | None) -> list[str]:
    with ExitStack() as stack:
        first, second = two_pods(), two_pods()
        if falsify is not None:
            falsify(second)
        urls = [stack.enter_context(serving(lists)) for lists in (first, second)]
        return list(compare_servers(urls[0], urls[1:], attempts=1))


def test_servers_that_list_the_same_agree() -> None:
    assert disagreements(None) == []


@pytest.mark.parametrize(
    ("falsify", "words"),
    [
        (lose_a_pod, "1 pods are listed otherwise by API server 2 than by the first (load-1/b)"),
        (keep_an_old_version, "1 pods are listed otherwise"),
        (have_another_pod, "1 pods are listed otherwise"),
        (invent_a_node, "1 nodes are listed otherwise"),
    ],
)
def test_a_server_that_lists_otherwise_is_found(
    falsify: Callable[[Lists], None], words: str
) -> None:
    (said,) = disagreements(falsify)

    assert said.startswith(words)


def test_servers_without_old_states_differ_only_in_what_differs_each_time() -> None:
    with ExitStack() as stack:
        first, second = two_pods(), two_pods()
        keep_an_old_version(second)
        urls = [stack.enter_context(serving(lists)) for lists in (first, second)]
        (said,) = compare_servers(urls[0], urls[1:], attempts=3, old_revisions=False)
        assert said.startswith("1 pods are listed otherwise")
        assert all("Exact" not in query for _kind, query in first.queries)


def test_the_audit_counts_its_servers_and_tells_of_both() -> None:
    with ExitStack() as stack:
        second = two_pods()
        lose_a_pod(second)
        urls = [stack.enter_context(serving(lists)) for lists in (two_pods(), second)]

        found = audit(urls[0], TRUE, urls[1:])

    assert found["servers"] == 2
    assert found["disagreements"] == [
        "1 pods are listed otherwise by API server 2 than by the first (load-1/b)"
    ]
