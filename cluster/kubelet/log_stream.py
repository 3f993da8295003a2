"""Reads a container's log from a node's pods: at once, or as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Final

from cluster.client.interface import ObjectKey
from cluster.kubelet.hollow_node import HollowNode
from cluster.kubelet.log_options import LogOptions
from cluster.kubelet.transcript import (
    Line,
    LogError,
    RunRecord,
    alive_every_s,
    find_run,
    transcript,
)
from serialization.api.core.v1_pb2 import Pod
from storage.clock import Clock

FOLLOWED_MAX: Final = 10_000
"""Logs that are followed at once, in one process."""
LATE_S: Final = 10
"""How much later than it is dated a line may become known: a status is told after the fact."""
PIECE_BYTES: Final = 64 * 1024


@dataclass(slots=True)
class LogCounts:
    """What was asked of the logs."""

    requests: int = 0
    followed: int = 0
    refused: int = 0
    """Requests for what is not there."""
    following: int = 0
    """Now."""
    sent_bytes: int = 0


class Logs:
    """The logs of all containers on the nodes of a process."""

    def __init__(self, nodes: Iterable[HollowNode], clock: Clock) -> None:
        self._nodes = tuple(nodes)
        self.clock = clock
        self.counts = LogCounts()
        self.closed = False
        """Nothing is followed any more: the process is about to end."""

    def shut_down(self) -> None:
        """End the logs that are followed."""
        self.closed = True
        for node in self._nodes:
            for followers in node.followers.values():
                for wake in followers:
                    wake()

    def find(self, key: ObjectKey, container: str, options: LogOptions) -> Log:
        """Return a log. Raises LogError when there is none."""
        self.counts.requests += 1
        try:
            return self._find(key, container, options)
        except LogError:
            self.counts.refused += 1
            raise

    def _find(self, key: ObjectKey, container: str, options: LogOptions) -> Log:
        for node in self._nodes:
            pod = node.pod(key)
            if pod is not None:
                break
        else:
            raise LogError(404, f'pod "{key.name}" does not exist')
        spec = pod.spec
        names = {c.name for c in (*spec.containers, *spec.initContainers)}
        if container not in names:
            raise LogError(404, f'container "{container}" not found in pod "{key.name}"')
        run = find_run(pod, container, previous=options.previous)
        if options.follow:
            if self.counts.following >= FOLLOWED_MAX:
                raise LogError(503, f"{FOLLOWED_MAX} logs are followed already")
            self.counts.followed += 1
        return Log(self, node, key, run, options)


class Log:
    """One request for the log of one run."""

    def __init__(
        self, logs: Logs, node: HollowNode, key: ObjectKey, run: RunRecord, options: LogOptions
    ) -> None:
        self._logs = logs
        self._node = node
        self._key = key
        self._run = run
        self._options = options
        self._counts = logs.counts
        self._left_bytes = options.limit_bytes
        self._told: set[Line] = set()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give the text, and when it is followed what comes until the run has ended."""
        options, now_s = self._options, self._now_s()
        pod = self._node.pod(self._key)
        if pod is None:
            return
        lines = transcript(pod, self._run, now_s, options.since_s(now_s))
        self._told = set(lines)
        for piece in self._cut(options.tail(lines)):
            yield piece
        if not options.follow or self._run.over:
            return
        self._counts.following += 1
        changed = asyncio.Event()
        followers = self._node.followers.setdefault(self._key, [])
        followers.append(changed.set)
        try:
            async for piece in self._grow(changed):
                yield piece
        finally:
            self._counts.following -= 1
            followers.remove(changed.set)
            if not followers:
                self._node.followers.pop(self._key, None)

    async def _grow(self, changed: asyncio.Event) -> AsyncGenerator[bytes, None]:
        since_s = self._now_s()
        while not self._logs.closed and (self._left_bytes is None or self._left_bytes > 0):
            pod = self._node.pod(self._key)
            run = None if pod is None else self._present(pod)
            if pod is None or run is None:
                return
            self._run, now_s = run, self._now_s()
            lines = transcript(pod, run, now_s, since_s - LATE_S)
            new = [line for line in lines if line not in self._told]
            self._told = set(lines) | {line for line in self._told if line.at_s >= now_s - LATE_S}
            for piece in self._cut(new):
                yield piece
            if run.over:
                return
            since_s = now_s
            await self._wait(pod, now_s, changed)

    def _present(self, pod: Pod) -> RunRecord | None:
        """Return how the run stands now; None when it can no longer be told."""
        for previous in (False, True):
            try:
                run = find_run(pod, self._run.name, previous=previous)
            except LogError:
                continue
            if run.container_id == self._run.container_id:
                return run
        return None

    async def _wait(self, pod: Pod, now_s: int, changed: asyncio.Event) -> None:
        every_s = alive_every_s(pod, self._run.name)
        delay_s = None
        if every_s:
            next_s = now_s + every_s - (now_s - self._run.started_s) % every_s
            delay_s = max(next_s - self._logs.clock.now().timestamp(), 0.001)
        try:
            async with asyncio.timeout(delay_s):
                await changed.wait()
        except TimeoutError:
            return
        changed.clear()

    def _cut(self, lines: list[Line]) -> Iterable[bytes]:
        """Return the lines in pieces of some size, within what the client takes at most."""
        waiting = bytearray()
        for line in lines:
            waiting += line.encode(timestamps=self._options.timestamps)
            if len(waiting) >= PIECE_BYTES:
                yield self._limited(bytes(waiting))
                waiting.clear()
        if waiting:
            yield self._limited(bytes(waiting))

    def _limited(self, piece: bytes) -> bytes:
        if self._left_bytes is not None:
            piece = piece[: self._left_bytes]
            self._left_bytes -= len(piece)
        self._counts.sent_bytes += len(piece)
        return piece

    def _now_s(self) -> int:
        return int(self._logs.clock.now().timestamp())
