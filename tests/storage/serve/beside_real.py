"""The same requests to a served engine and to a real etcd, their answers held side by side."""

from __future__ import annotations

from typing import Final, NamedTuple

import grpc
from google.protobuf.message import Message
from grpc import aio

from serialization.api.etcd.rpc_pb2 import (
    LeaseGrantRequest,
    LeaseGrantResponse,
    RangeRequest,
    RangeResponse,
)
from storage.serve.etcd3.errors import (
    COMPACTED,
    FUTURE_REVISION,
    KEY_NOT_FOUND,
    LEASE_NOT_FOUND,
    Refusal,
)
from tests.storage.serve.random_requests import Call, RandomRequests
from tests.storage.serve.served import call, served

LEASE: Final = 4242


STATE_REFUSALS: Final = (KEY_NOT_FOUND, LEASE_NOT_FOUND, COMPACTED, FUTURE_REVISION)
"""Of a transaction that meets two of these, a real one tells its puts' before its ranges', ours
those of its operations in their order."""


class Answer(NamedTuple):
    """What became of a call."""

    code: grpc.StatusCode
    text: str
    """The refusal's message, or the answer's text without ids."""


async def answer_of(channel: aio.Channel, asked: Call) -> Answer:
    """Call, and tell of it what two servers must agree on."""
    try:
        answer = await call(channel, asked.method, asked.request, asked.answer)
    except aio.AioRpcError as error:
        return Answer(error.code(), error.details() or "")
    return Answer(grpc.StatusCode.OK, without_ids(answer))


def without_ids(answer: Message) -> str:
    """Return the answer's text, without who answered."""
    header = answer.header  # type: ignore[attr-defined]  # every answer has one
    for name in ("cluster_id", "member_id", "raft_term"):
        header.ClearField(name)
    return str(answer)


async def play(real_target: str, seed: int, steps: int) -> list[str]:
    """Play random requests to an etcd that is new, and to ours; return where they differ."""
    differences: list[str] = []
    async with served() as ours, aio.insecure_channel(real_target) as real:
        lease = LeaseGrantRequest(ID=LEASE, TTL=1000)
        for channel in (ours.channel, real):
            await call(channel, "Lease/LeaseGrant", lease, LeaseGrantResponse)
        requests = RandomRequests(seed, LEASE)
        for step in range(steps):
            asked = requests.next()
            want, got = await answer_of(real, asked), await answer_of(ours.channel, asked)
            if want != got and not _both_refused_by_the_state(asked, want, got):
                differences.append(
                    f"step {step} {asked.method}\n{asked.request}\nreal: {want}\nours: {got}"
                )
            requests.revision = ours.store.current_revision()
        everything = Call("KV/Range", RangeRequest(key=b"\0", range_end=b"\0"), RangeResponse)
        if await answer_of(real, everything) != await answer_of(ours.channel, everything):
            differences.append("the ends differ")
    return differences


def _both_refused_by_the_state(asked: Call, want: Answer, got: Answer) -> bool:
    both = (Refusal(*want), Refusal(*got))
    return asked.method == "KV/Txn" and all(each in STATE_REFUSALS for each in both)
