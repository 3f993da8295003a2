"""Torn connections: at every byte of a conversation, by RST and by half-close; slow readers.

A client sends a conversation up to some byte and then resets the connection, or sends no more and
reads what comes; others never read, or send byte by byte. Beside them a load goes on, which must
not notice: no write of unknown outcome, no watch with a gap. What was torn happened as a whole or
not at all, and afterwards the server holds no connection, task or watch more than before.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from struct import Struct
from typing import Final

from storage.clock import SystemClock
from tests.faults.conversations import Conversation
from tests.faults.oracle import Oracle
from tests.faults.outcome import Outcome
from tests.faults.processes import LoadProcess
from tests.faults.records import Begun, Entry, Unknown, value_of
from tests.faults.rules import Violation
from tests.faults.served_here import Here, served_here, settles
from tests.faults.subjects import Subject, ending_of

STRIDE: Final = 24
"""A round tears at every so many-th byte; as many rounds tear at each."""

SILENT: Final = 4
"""Connections that never read, a round."""

LATE_S: Final = 0.002
"""How long a client that sends no more reads on: what has come by then is thrown away."""

DRIP_EACH: Final = 6
"""In every so many-th round a conversation comes in small pieces."""

ANSWERED_S: Final = 0.5
"""A server that says nothing for so long has answered."""

DRIPPED_S: Final = 0.8
"""How long the one who sends small pieces stays, though the watch goes on telling."""

FIRST: Final = 1 << 50
"""Numbers of torn writes begin here."""

LINGER: Final = Struct("ii").pack(1, 0)


def why_not(subject: Subject) -> str:
    """Say why it is not played to a subject; empty where it is."""
    return "" if subject.api else "nobody is connected to it"


def play(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Tear at another offset each round."""
    return asyncio.run(_played(subject, chance, folder, rounds))


async def _played(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    entries: list[Entry] = []
    async with served_here(subject, folder, SystemClock()) as here:
        tearing = Tearing(here, subject.api, entries)
        with LoadProcess(here.url, folder, entries) as load:
            load.start(f"{chance.random()}", writers=3)
            await asyncio.to_thread(load.wait_open)
            await asyncio.to_thread(load.wait_acknowledged, 3)
            before = tearing.held()
            async with asyncio.TaskGroup() as group:
                torn = group.create_task(asyncio.to_thread(tearing.rounds, chance, rounds))
                while not torn.done():
                    await asyncio.to_thread(load.wait, 0.05)
            leaks = await tearing.leaks(before)
            await asyncio.to_thread(load.wait_acknowledged, 20)
            await asyncio.to_thread(load.finish)
        ending = await asyncio.to_thread(ending_of, here.url)
    for begun in tearing.whole:  # these were sent to their end, by somebody who read the answers
        if any(part.key not in ending.items for part in begun.parts):
            leaks.append(
                Violation("lost", f"{begun} was sent, in small pieces, and not carried out")
            )
    oracle = Oracle(ends=subject.ends)
    found = [*oracle.judge(entries, ending), *leaks, *disturbances(entries)]
    return Outcome.of(oracle, rounds, found)


def disturbances(entries: Sequence[Entry]) -> list[Violation]:
    """Return which answers a client lost whose own connection was never torn."""
    lost = [each for each in entries if isinstance(each, Unknown) and each.number < FIRST]
    return [Violation("disturbed", f"another client's write was lost: {each}") for each in lost]


class Tearing:
    """A client that behaves badly. Its methods block, but for ``leaks``."""

    def __init__(self, here: Here, api: int, entries: list[Entry]) -> None:
        host, _, port = here.target.rpartition(":")
        self.whole: list[Begun] = []
        """Writes that were sent whole, and waited for."""
        self._address = (host, int(port))
        self._here = here
        self._api = api
        self._entries = entries
        self._next = FIRST
        self._clock = SystemClock()

    def rounds(self, chance: Random, rounds: int) -> None:
        """Tear at each STRIDE-th byte from another offset a round, and be slow."""
        start = chance.randrange(STRIDE)
        for number in range(rounds):
            silent = [self._silent() for _ in range(SILENT)]
            at, length = (start + number) % STRIDE, 1 << 20
            while at < length:
                length = self._tear(at, reset=True)
                self._tear(at, reset=False)
                at += STRIDE
            if number % DRIP_EACH == 0:
                self._drip(chance)
            for each in silent:
                each.close()

    def held(self) -> tuple[int, int]:
        """Return how many files and watches the server's process holds."""
        return len(os.listdir("/proc/self/fd")), self._here.watches()

    async def leaks(self, before: tuple[int, int]) -> list[Violation]:
        """Return what the server still holds of those who are gone."""

        def gone() -> bool:
            return self.held()[0] <= before[0] and self.held()[1] <= before[1]

        if await settles(gone):
            return []
        return [Violation("leak", f"files and watches: {self.held()}, before {before}")]

    def _conversation(self) -> Conversation:
        """Return one whose writes have not been sent yet; all are equally long."""
        while len(value_of(self._next)) > 64 or len(value_of(self._next + 1)) > 128:
            self._next += 1
        made = Conversation(self._api, self._next, self._clock.stamp_ns())
        self._next += 2
        self._entries.extend(made.writes)
        return made

    def _tear(self, at: int, *, reset: bool) -> int:
        """Send so many bytes, and no more; return how many there were."""
        sent = self._conversation().sent
        with socket.create_connection(self._address) as client, suppress(ConnectionError):
            client.sendall(sent[:at])
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            else:
                client.shutdown(socket.SHUT_WR)
                client.settimeout(LATE_S)
                with suppress(TimeoutError):
                    client.recv(1 << 16)
        return len(sent)

    def _silent(self) -> socket.socket:
        """Send a conversation and read nothing of what is answered."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(self._address)
        client.sendall(self._conversation().sent)
        return client

    def _drip(self, chance: Random) -> None:
        """Send a conversation in small pieces, each a segment of its own."""
        conversation = self._conversation()
        sent, at = conversation.sent, 0
        self.whole += conversation.writes
        end_ns = self._clock.stamp_ns() + int(DRIPPED_S * 1e9)
        with socket.create_connection(self._address) as client, suppress(ConnectionError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while at < len(sent):
                size = chance.randint(1, 3)
                client.sendall(sent[at : at + size])
                at += size
            client.settimeout(ANSWERED_S)
            with suppress(TimeoutError):
                while client.recv(1 << 16):  # until the watch, which is last, has nothing to tell
                    if self._clock.stamp_ns() > end_ns:
                        return
