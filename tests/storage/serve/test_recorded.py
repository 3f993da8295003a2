"""A real kube-apiserver's recorded conversation with its etcd, replayed against a served engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from google.protobuf import text_format
from google.protobuf.message import Message

from serialization.api.etcd.rpc_pb2 import StatusResponse
from tests.cluster.apiserver.conftest import golden
from tests.storage.serve.recorded_etcd import Conversation, Outcome, Player, read
from tests.storage.serve.served import served

pytestmark = pytest.mark.slow


STATUS: Final = "Maintenance/Status"

ON_PURPOSE: Final = (
    "version",  # ours, not that of the recorded server
    "leader",  # an id
    "dbSize",  # another file format
    "dbSizeInUse",
    "raftIndex",  # there is no log of a raft here: the revision stands for it
    "raftAppliedIndex",
    "dbSizeQuota",  # there is none to tell
)
"""What of a status differs: who and how large we are."""
OF_3_6: Final = ("storageVersion", "downgradeInfo")
"""What of a status etcd 3.5 does not tell."""


async def replayed(name: str) -> Outcome:
    """Replay a recording against an engine in memory."""
    conversation = Conversation(read(golden(name)))
    async with served() as etcd:
        return await Player(conversation, etcd).play()


@pytest.mark.parametrize(
    ("name", "same", "states", "left_out", "unknown"),
    [
        (
            "etcd-trace.jsonl.gz",
            {
                "KV/Range": 479,
                "KV/Txn": 172,
                "KV/Compact": 3,
                "Lease/LeaseGrant": 18,
                "Watch/Watch": 348,
            },
            7,
            [66, 142, 144, 146, 147, 148, 149, 151, 153, 154],
            (),
        ),
        (
            "etcd-trace-3.5.jsonl.gz",
            {
                "KV/Range": 182,
                "KV/Txn": 141,
                "Lease/LeaseGrant": 8,
                "Watch/Watch": 173,
            },
            3,
            [66, 125, 126],
            OF_3_6,
        ),
    ],
)
async def test_a_recorded_api_server_is_answered_as_it_was(
    name: str, same: dict[str, int], states: int, left_out: list[int], unknown: Sequence[str]
) -> None:
    outcome = await replayed(name)

    assert [each for each in outcome.differences if each.method != STATUS] == []
    assert outcome.same == same
    assert outcome.left_out == left_out
    assert [each.method for each in outcome.differences] == [STATUS] * states
    for difference in outcome.differences:
        told: list[Message] = [text_format.Parse(each, StatusResponse()) for each in difference[1:]]
        for status in told:
            for each in (*ON_PURPOSE, *unknown):
                status.ClearField(each)
        wanted, got = told
        assert got == wanted
