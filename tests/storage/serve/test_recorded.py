"""A real kube-apiserver's recorded conversation with its etcd, replayed against a served engine."""

from __future__ import annotations

from typing import Final

import pytest
from google.protobuf import text_format

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
LATER: Final = ("storageVersion", "downgradeInfo")
"""Fields of a status that only etcd 3.6 has."""


async def replayed(name: str) -> Outcome:
    """Replay a recording against an engine in memory."""
    conversation = Conversation(read(golden(name)))
    async with served() as etcd:
        return await Player(conversation, etcd).play()


@pytest.mark.parametrize(
    ("name", "same", "states", "left_out"),
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
        ),
    ],
)
async def test_a_recorded_api_server_is_answered_as_it_was(
    name: str, same: dict[str, int], states: int, left_out: list[int]
) -> None:
    outcome = await replayed(name)

    assert [each for each in outcome.differences if each.method != STATUS] == []
    assert outcome.same == same
    assert outcome.left_out == left_out
    assert [each.method for each in outcome.differences] == [STATUS] * states
    for difference in outcome.differences:
        wanted, got = (text_format.Parse(each, StatusResponse()) for each in difference[1:])
        for status in (wanted, got):
            for each in ON_PURPOSE:
                status.ClearField(each)
        for each in LATER:
            wanted.ClearField(each)
        assert got == wanted
