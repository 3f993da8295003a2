"""Requests that go wrong (and some that do not) are answered as a real Kubernetes answered them.

All recorded requests are sent, in their order, to one server. Compared: code, every word of errors,
objects without what is of one run (uids, times, revisions, managedFields), warnings. Each record
is agreeing, out of scope yet (a kind or feature, by name) or different on purpose (with its reason,
and no more than the reason allows), and none may be in another class than it is: what begins to
agree must leave its list.
"""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from cluster.apiserver.authentication import BearerTokens
from tests.cluster.apiserver import recorded_errors
from tests.cluster.apiserver.error_classes import (
    COUNTS,
    IN_TEST_GOLDEN_READS,
    ON_PURPOSE,
    ONLY,
    missing,
)
from tests.cluster.apiserver.kinds import recorded_strategies
from tests.cluster.apiserver.recorded_errors import Recorded, Substitutes
from tests.cluster.apiserver.serving import InProcess, serving

logger = logging.getLogger(__name__)


def play(api: InProcess, record: Recorded, substitutes: Substitutes) -> list[str]:
    """Send a record's request; return where our answer differs."""
    recorded_errors.before(api, record.id)
    reply = api.call(
        record.method,
        substitutes.text(record.path),
        substitutes.body(record.body),
        recorded_errors.headers_of(record),
    )
    substitutes.learn(record.answer, recorded_errors.tree(reply.body))
    return recorded_errors.differences(record, reply)


def test_classes_do_not_overlap() -> None:
    records = {record.id: record.path for record in recorded_errors.records()}

    assert set(ON_PURPOSE) <= set(records)
    assert [each for each in ON_PURPOSE if missing(each, records[each])] == []
    assert sum(COUNTS.values()) == len(records) == 423


@pytest.mark.slow
def test_recorded_requests_are_answered_as_recorded() -> None:
    counts: Counter[str] = Counter()
    needed: Counter[str] = Counter()
    wrong: list[tuple[str, list[str]]] = []
    substitutes = Substitutes()
    tokens = BearerTokens([recorded_errors.TOKEN])

    with serving(recorded_strategies(), authenticator=tokens, virtual=True) as api:
        api.token = recorded_errors.TOKEN
        recorded_errors.prepare(api)
        for record in recorded_errors.records():
            if IN_TEST_GOLDEN_READS.match(record.id) and record.method == "GET":
                counts["replayed by test_golden_reads"] += 1
                continue
            found = play(api, record, substitutes)
            need, reason = missing(record.id, record.path), ON_PURPOSE.get(record.id, "")
            if bool(found) is not bool(need or reason) or not _within(found, reason):
                wrong.append((record.id, found))
            counts[_class(need, reason)] += 1
            needed[need] += bool(need)

    logger.info("%s; out of scope: %s", dict(counts), dict(+needed))
    assert wrong == []
    assert counts == COUNTS


def _class(need: str, reason: str) -> str:
    if need:
        return "out of scope yet"
    return "different on purpose" if reason else "agreeing"


def _within(found: list[str], reason: str) -> bool:
    """Tell whether an answer differs only where its reason says so."""
    return reason not in ONLY or all(each.startswith(ONLY[reason]) for each in found)
