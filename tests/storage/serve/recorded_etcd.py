"""The recorded conversation of a real kube-apiserver with its etcd, played to another server.

What the client said is played in the order of the revisions that it was answered with, which is the
order in which the recorded server acted. A few writes are left out of the recording, each of an
event of its own; they are made up. So revisions are the same on both sides, and answers are held
against each other field by field; ids of leases are mapped as they appear. Long values were
recorded as lengths, and are played as so many zeros.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, cast

from google.protobuf import json_format
from google.protobuf.message import Message
from grpc import aio

from serialization.api.etcd import rpc_pb2 as rpc
from tests.storage.serve.served import Served, WatchCall

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

METHODS: Final[dict[str, tuple[type[Message], type[Message]]]] = {
    "KV/Range": (rpc.RangeRequest, rpc.RangeResponse),
    "KV/Txn": (rpc.TxnRequest, rpc.TxnResponse),
    "KV/Compact": (rpc.CompactionRequest, rpc.CompactionResponse),
    "Lease/LeaseGrant": (rpc.LeaseGrantRequest, rpc.LeaseGrantResponse),
    "Maintenance/Status": (rpc.StatusRequest, rpc.StatusResponse),
}
WATCH: Final = "Watch/Watch"
PREFIX: Final = "/etcdserverpb."
LEFT_OUT: Final = b"/registry/events/default/left-out-%d"
"""What it leaves out are events: its counts of them say so."""

SETTLE_S: Final = 20.0
"""How long a watch may take to tell what it should; only waited for where it does not."""


class Difference(NamedTuple):
    """A record whose answer was another one."""

    method: str
    wanted: str
    got: str


@dataclass
class Outcome:
    """What became of each record."""

    same: dict[str, int] = field(default_factory=dict)
    """How many by method."""
    differences: list[Difference] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    """Revisions whose writes the recording does not hold."""

    def note(self, method: str, wanted: Message | str, got: Message | str) -> None:
        """Hold an answer against the recorded one."""
        if wanted == got:
            self.same[method] = self.same.get(method, 0) + 1
        else:
            self.differences.append(Difference(method, str(wanted), str(got)))


class Record(NamedTuple):
    """A line of the recording."""

    call: int
    method: str
    direction: str
    message: Json
    details: str


class Step(NamedTuple):
    """Something that the client did: at which revision, and what comes first there."""

    revision: int
    rank: int
    at: int
    record: Record


def read(path: Path) -> list[Record]:
    """Return the records, without the marks of the driver."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Record(
            row["id"],
            row["method"].removeprefix(PREFIX),
            row["dir"],
            row.get("msg"),
            f"{row.get('code', '')}: {row.get('details', '')}",
        )
        for row in rows
        if row["method"] != "marker"
    ]


def parse(message: type[Message], recorded: Json) -> Message:
    """Return a recorded message."""
    return json_format.Parse(json.dumps(_cleaned(recorded)), message())


def _cleaned(value: Json) -> Json:
    if isinstance(value, list):
        return [_cleaned(each) for each in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["len"]:
        return base64.b64encode(bytes(cast("int", value["len"]))).decode()
    return {name: _cleaned(each) for name, each in value.items() if not name.endswith("_text")}


def revision_of(recorded: Json) -> int:
    """Return the revision in the header of an answer; 0 for none."""
    header = recorded.get("header") if isinstance(recorded, dict) else None
    return int(cast("str", header.get("revision", "0"))) if isinstance(header, dict) else 0


def wrote(recorded: Json) -> bool:
    """Say whether a transaction's recorded answer tells of a write."""
    text = json.dumps(recorded)
    return '"response_put"' in text or '"deleted"' in text


class Conversation:
    """The steps of the client, and what it was answered."""

    def __init__(self, records: list[Record]) -> None:
        self.answers: dict[int, Record] = {}
        self.told: dict[int, list[Json]] = {}
        self.steps: list[Step] = []
        for record in records:
            if record.method != WATCH and record.direction in {"res", "err"}:
                self.answers[record.call] = record
            elif record.method == WATCH and record.direction == "res":
                self.told.setdefault(record.call, []).append(record.message)
        self._arrange(records)

    def _arrange(self, records: list[Record]) -> None:
        reached = 0
        answered: dict[int, int] = {}
        for at, record in enumerate(records):
            reached = max(reached, revision_of(record.message))
            if record.method == WATCH and record.direction == "req":
                told = self.told[record.call]
                asked = answered.get(record.call, 0)
                revision = revision_of(told[0]) if not asked else reached
                answered[record.call] = asked + 1
                self.steps.append(Step(revision, 1, at, record))
            elif record.method == WATCH and record.direction == "cancelled":
                self.steps.append(Step(reached, 2, at, record))
            elif record.direction == "req":
                answer = self.answers[record.call]
                revision = revision_of(answer.message) or reached
                rank = 0 if record.method == "KV/Txn" and wrote(answer.message) else 1
                self.steps.append(Step(revision, rank, at, record))
        self.steps.sort()


class Player:
    """Plays a conversation to a server."""

    def __init__(self, conversation: Conversation, etcd: Served) -> None:
        self.outcome = Outcome()
        self._talk = conversation
        self._etcd = etcd
        self._leases: dict[int, int] = {}
        """Ours by the recorded one."""
        self._watches: dict[int, tuple[Listener, asyncio.Task[None]]] = {}

    async def play(self) -> Outcome:
        """Play all of it."""
        async with asyncio.TaskGroup() as group:
            for step in self._talk.steps:
                await self._fill(step.revision - (step.rank == 0))
                if step.record.method != WATCH:
                    await self._unary(step.record)
                elif step.record.direction == "cancelled":
                    await self._end_watch(step.record.call)
                else:
                    await self._watch(step.record, group)
            for call in list(self._watches):
                await self._end_watch(call)
        return self.outcome

    async def _fill(self, revision: int) -> None:
        """Make up what was left out of the recording."""
        while self._etcd.store.current_revision() < revision:
            put = await self._etcd.put(LEFT_OUT % len(self.outcome.left_out))
            self.outcome.left_out.append(put)

    async def _unary(self, record: Record) -> None:
        request_type, answer_type = METHODS[record.method]
        request = self._with_leases(parse(request_type, record.message))
        answer = self._talk.answers[record.call]
        try:
            got = await self._etcd.call(record.method, request, answer_type)
        except aio.AioRpcError as error:
            said = f"{error.code().name}: {error.details()}"
            self.outcome.note(record.method, answer.details, said)
            return
        wanted = parse(answer_type, answer.message)
        if isinstance(wanted, rpc.LeaseGrantResponse) and isinstance(got, rpc.LeaseGrantResponse):
            self._leases[wanted.ID] = got.ID
        self._compare(record.method, wanted, got)

    async def _watch(self, record: Record, group: asyncio.TaskGroup) -> None:
        request = cast("rpc.WatchRequest", parse(rpc.WatchRequest, record.message))
        if record.call not in self._watches:
            made = Listener(self._etcd.watch())
            self._watches[record.call] = made, group.create_task(made.listen())
        listener, _ = self._watches[record.call]
        which = request.WhichOneof("request_union")
        assert which is not None
        seen = len(listener.told)
        await listener.call.send(**{which: getattr(request, which)})
        await listener.until(seen + 1)

    async def _end_watch(self, number: int) -> None:
        listener, listening = self._watches.pop(number)
        told = listener.told
        wanted = [parse(rpc.WatchResponse, each) for each in self._talk.told[number]]
        await listener.until(len(wanted))
        listening.cancel()
        await listener.call.end()
        for at, want in enumerate(wanted):
            self._compare(WATCH, want, told[at] if at < len(told) else rpc.WatchResponse())
        for more in told[len(wanted) :]:
            self.outcome.differences.append(Difference(WATCH, "", str(more)))

    def _compare(self, method: str, wanted: Message, got: Message) -> None:
        serving = self._etcd.serving
        for header in _headers(wanted):
            if header.cluster_id:
                header.cluster_id, header.member_id = serving.cluster_id, serving.member_id
        self.outcome.note(method, self._with_leases(wanted), got)

    def _with_leases(self, message: Message) -> Message:
        """Return the message with our ids of leases instead of the recorded ones."""
        _map_leases(message, self._leases)
        return message


def _headers(message: Message) -> list[rpc.ResponseHeader]:
    header = getattr(message, "header", None)
    return [header] if isinstance(header, rpc.ResponseHeader) else []


def _map_leases(message: Message, leases: dict[int, int]) -> None:
    for descriptor, value in message.ListFields():
        name = descriptor.name
        if isinstance(value, int) and name in {"lease", "ID"}:
            setattr(message, name, leases.get(value, value))
        elif isinstance(value, Message):
            _map_leases(value, leases)
        elif descriptor.message_type is not None:
            for each in value:
                _map_leases(each, leases)


class Listener:
    """Reads a watch, and keeps what it was told."""

    def __init__(self, call: WatchCall) -> None:
        self.call = call
        self.told: list[rpc.WatchResponse] = []
        self._came = asyncio.Event()

    async def listen(self) -> None:
        """Read until it is cancelled."""
        while True:
            self.told.append(await self.call.read(patience_s=None))
            self._came.set()

    async def until(self, count: int) -> None:
        """Wait until so much has been told, or it has taken too long."""
        try:
            async with asyncio.timeout(SETTLE_S):
                while len(self.told) < count:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return
