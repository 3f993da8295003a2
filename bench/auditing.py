"""Having a recording audited: writes it down, runs the auditor's process, reads what it found."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from bench.audit.recording_file import RecordedPod, Recording
from bench.recording import PodRecord
from bench.results import UnreadableResultsError, read_json
from bench.scenarios.stage import AuditLabel, Stage
from bench.switches import RUNNING
from cluster.apiserver.faults import FAULTS as SERVER_FAULTS
from cluster.client.interface import RawList
from serialization.api.core.v1_pb2 import Node
from serialization.kinds import NODES

AUDIT_S_MAX: Final = 600.0
FORGET_POD: Final = "forget-pod"
FORGE_REVISION: Final = "forge-revision"
FAULTS: Final = (FORGET_POD, FORGE_REVISION)
"""What ``falsify`` knows to do."""


class AuditNotMadeError(Exception):
    """The auditor could not compare."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the auditor wrote."""

    label: str
    revision: int
    counts: dict[str, int]
    disagreements: list[str]
    stored_pods: int | None = None
    """How many pods the store itself told; None where the watch cache answered twice."""
    servers: int = 1
    """How many API servers were held against each other."""
    memory_max_mib: float = 0.0
    """Of the auditor's process."""


async def record(stage: Stage, label: AuditLabel) -> Recording:
    """Return the measuring process's view, falsified where the config asks for a fault."""
    nodes: RawList = await stage.client.list_raw(NODES)
    decoded = [stage.client.decode(Node, bare).metadata for bare in nodes.items]
    alive = {uid: r for uid, r in stage.pods.records.items() if not r.deleted_ns}
    recording = Recording(
        label=label.label,
        running=label.running,
        pods={uid: _recorded(record) for uid, record in alive.items()},
        pods_seen=list(stage.pods.records),
        controllers={uid: list(named) for uid, named in stage.controllers.items()},
        namespaces=dict(stage.namespaces),
        nodes={metadata.uid: metadata.name for metadata in decoded},
        revision="" if stage.config.behaviour == RUNNING else stage.pods.revision,
    )
    return falsify(recording, stage.config.fault)


def _recorded(record: PodRecord) -> RecordedPod:
    return RecordedPod(record.namespace, record.name, record.node, record.resource_version)


def falsify(recording: Recording, fault: str) -> Recording:
    """Return a recording with a fault in it, to see whether the auditor finds it."""
    if not fault or fault in SERVER_FAULTS or not recording.pods:
        return recording
    pods = dict(recording.pods)
    uid = next(iter(pods))
    if fault == FORGET_POD:
        del pods[uid]
    elif fault == FORGE_REVISION:
        pods[uid] = replace(pods[uid], resource_version="1")
    else:
        raise ValueError(f"no such fault: {fault!r}")
    return replace(recording, pods=pods)


async def run_auditor(
    servers: Sequence[str], recording: Recording, directory: Path, *, old_revisions: bool = True
) -> AuditReport:
    """Run the auditor's process on a recording. Raises AuditNotMadeError.

    ``old_revisions``: the store declares that it keeps them.
    """
    source = directory / "recording" / f"{recording.label}.json"
    target = directory / "audit" / f"{recording.label}.json"
    recording.write(source)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.audit.main"),
        *(part for server in servers for part in ("--server", server)),
        *("--recording", str(source), "--out", str(target)),
        *(() if old_revisions else ("--no-old-revisions",)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(AUDIT_S_MAX):
            _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise AuditNotMadeError(said.decode(errors="replace")[-2000:])
    try:
        return read_json(target, AuditReport)
    except (UnreadableResultsError, msgspec.ValidationError) as error:
        raise AuditNotMadeError(str(error)) from error
