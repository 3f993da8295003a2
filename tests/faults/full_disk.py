"""Full disk: writes that get no room, for real and injected, and the way back.

Three forms. The process that holds the data may write no further into its files (RLIMIT_FSIZE, set
from outside and lifted again). Its system calls on its data fail with ENOSPC, EDQUOT or EIO, at
each position (strace). Commits of an engine in process fail before or after they are done, in
virtual time; this is what an engine without a disk can be played.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
from pathlib import Path
from random import Random
from typing import Final

from storage.engine.committer import InlineCommitter
from storage.engine.store import EngineStore, Parts
from storage.etcd3.backend import Etcd3Backend
from storage.memory.backend import MemoryBackend
from storage.registry import STORES
from storage.virtual_time import VirtualClock, run_virtual
from tests.faults import pace
from tests.faults.load import Load
from tests.faults.oracle import Oracle
from tests.faults.outcome import Outcome
from tests.faults.plain_http import ask
from tests.faults.processes import LoadProcess, ScenarioError, ServedProcess
from tests.faults.records import PREFIX, Acknowledged, Ending, Entry, Item
from tests.faults.rules import Violation
from tests.faults.subjects import Subject, ending_of
from tests.storage.durability import strace
from tests.storage.engine.faulty_committer import Fault, FaultyCommitter

CALLS: Final = "pwrite64,writev,pwritev,fdatasync,fsync,ftruncate,fallocate"
ERRORS: Final = ("ENOSPC", "ENOSPC", "EDQUOT", "EIO")
POSITIONS: Final = 30
FULL_S: Final = 0.3
"""How long the disk stays full after the first refusal and the alarm."""

FEW_BYTES: Final = 4096
PREALLOCATED_BYTES: Final = 16 << 20


def why_not(subject: Subject) -> str:
    """Say why it is not played to a subject; empty where it is."""
    return "it writes nothing to a disk" if subject.engine == "memory" and subject.api else ""


def play(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Fill the disk ``rounds`` times in every form that the subject can be played; once: in one."""
    total = Outcome()
    if subject.engine in ("memory", "etcd3") and not subject.api:
        total.add(_commits_fail(subject, chance, folder / "virtual", rounds))
    if not subject.durable:
        return total
    if rounds > 1 or subject.api or strace.missing():
        (folder / "limited").mkdir()
        total.add(_limited(subject, chance, folder / "limited", rounds))
    if (rounds > 1 or not subject.api) and not strace.missing():
        for number in range(rounds):
            below = folder / f"injected{number}"
            below.mkdir()
            total.add(_injected(subject, chance, below))
            shutil.rmtree(below)
    return total


def _limited(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Let the process write no further, then lift the limit, round after round."""
    entries: list[Entry] = []
    forms: list[Violation] = []
    served = ServedProcess(folder, subject.engine, subject.api)
    with (
        served,
        LoadProcess(served.url if subject.api else subject.engine, folder, entries) as load,
    ):
        if subject.api:
            served.start()
        load.start(f"{chance.random()}")
        load.wait_open()
        holder = served.pid if subject.api else load.pid
        _, hard = resource.prlimit(holder, resource.RLIMIT_FSIZE)
        for _ in range(rounds):
            load.wait_acknowledged(chance.randint(1, 200))
            limit = chance.choice(_limits(folder / "data"))
            resource.prlimit(holder, resource.RLIMIT_FSIZE, (limit, hard))
            load.wait_refused()
            load.wait_alarm()
            load.wait(FULL_S)
            forms += v2_form(served.target) if subject.api == 2 else []
            resource.prlimit(holder, resource.RLIMIT_FSIZE, (hard, hard))
            load.wait_well(30)
        load.finish()
        forms += v2_health(served.target) if subject.api == 2 else []
        ending = ending_of(served.url) if subject.api else None
    outcome = _judged(subject, folder, entries, ending, rounds)
    outcome.violations += forms
    return outcome


def v2_form(target: str) -> list[Violation]:
    """Return in what the answers of a full disk are not those of the second protocol."""
    found = []
    status, body = ask(target, "PUT", "/v2/keys/beside?value=one")
    if status != 500 or b'"errorCode":300' not in body or b"read-only" not in body:
        found.append(Violation("alarm", f"a write was answered with {status}: {body!r}"))
    status, body = ask(target, "GET", "/v2/keys/registry?recursive=true")
    if status != 200:
        found.append(Violation("alarm", f"a read was answered with {status}: {body!r}"))
    if ask(target, "GET", "/health")[0] == 200:
        found.append(Violation("alarm", "a store that cannot write says that it is well"))
    return found


def v2_health(target: str) -> list[Violation]:
    """Return that a store does not call itself well, though it writes again."""
    status, body = ask(target, "GET", "/health")
    return [] if status == 200 else [Violation("alarm", f"after it all: {status}: {body!r}")]


def _injected(subject: Subject, chance: Random, folder: Path) -> Outcome:
    """Let a few system calls on the data fail, the first at some position."""
    entries: list[Entry] = []
    served = ServedProcess(folder, subject.engine, subject.api)
    with (
        served,
        LoadProcess(served.url if subject.api else subject.engine, folder, entries) as load,
    ):
        if subject.api:
            served.start()
        load.start(f"{chance.random()}")
        load.wait_open()
        load.wait_acknowledged(20)
        load.kill()
        served.kill()
        at, count = chance.randint(1, POSITIONS), chance.choice((1, 1, 2))
        prefix = _failing(folder / "data", chance.choice(ERRORS), at, at + count - 1)
        if subject.api:
            _start(served, prefix, folder)
        load.start(f"{chance.random()}", prefix=[] if subject.api else prefix)
        load.wait_open()
        if not load.opens:  # it failed while it was opened: the next must find everything
            load.kill()
            load.start(f"{chance.random()}")
            load.wait_open()
        load.wait_well(250)
        load.finish()
        ending = ending_of(served.url) if subject.api else None
    return _judged(subject, folder, entries, ending, 1)


def _start(served: ServedProcess, prefix: list[str], folder: Path) -> None:
    """Start a process whose disk fails; one that ends with a line for it is started once more."""
    try:
        served.start(prefix=prefix)
    except ScenarioError:
        if "Traceback" in (folder / "served.log").read_text():
            raise
        served.kill()
        served.start()


def _judged(
    subject: Subject, folder: Path, entries: list[Entry], ending: Ending | None, rounds: int
) -> Outcome:
    oracle = Oracle(ends=subject.ends)
    found = oracle.judge(entries, ending or ending_of(subject.engine, folder / "data"))
    if ending is not None:  # and what it was served from is there for another process, too
        again = ending_of(subject.engine, folder / "data")
        if again != ending:
            found.append(Violation("lost", f"reopened: {again.revision}, not {ending.revision}"))
    return Outcome.of(oracle, rounds, [*found, *pace.alarms(entries)])


def _failing(data: Path, error: str, first: int, last: int) -> list[str]:
    """Return the words that let system calls on the files that there are fail.

    strace counts each kind of call and each thread by itself, so that a count of two may mean eight
    failures, and as many probes of the store, whose pauses double.
    """
    paths = [word for path in sorted(data.rglob("*")) for word in ("-P", str(path))]
    inject = ["-e", f"trace={CALLS}", "-e", f"inject={CALLS}:error={error}:when={first}..{last}"]
    return ["strace", "-f", "-o", "/dev/null", *paths, *inject]


def _limits(data: Path) -> list[int]:
    """Return sizes beyond which files may not be written, all of which are reached soon."""
    sizes = [path.stat() for path in data.rglob("*") if path.is_file()]
    # A file whose room was taken before it is needed is not written at its end for long.
    full = [each.st_size for each in sizes if each.st_size < PREALLOCATED_BYTES]
    return [0, FEW_BYTES, 2 * FEW_BYTES, max(full)]


def _commits_fail(subject: Subject, chance: Random, folder: Path, rounds: int) -> Outcome:
    """Let commits of an engine in process fail, in virtual time."""
    entries: list[Entry] = []
    writes = 40 * rounds

    async def story() -> Ending:
        clock = VirtualClock()
        committer = FaultyCommitter(InlineCommitter(clock))
        backend = (
            MemoryBackend() if subject.engine == "memory" else Etcd3Backend(folder, sync=False)
        )
        declared = STORES[subject.engine].capabilities
        stop, counts = asyncio.Event(), {"faults": 0, "done": 0}

        def note(entry: Entry) -> None:
            entries.append(entry)
            if not isinstance(entry, Acknowledged):
                return
            counts["done"] += 1
            if counts["done"] >= writes and not committer.faults:
                stop.set()
            elif counts["done"] % 40 == 10:
                faults = chance.choices(list(Fault), k=chance.randint(1, 4))
                committer.faults.extend(faults)
                counts["faults"] += 1

        async with EngineStore(Parts(backend, committer, clock, declared)) as store:
            load = Load(store, note, clock, seed=f"{chance.random()}", first=0)
            await load.run(stop, {}, writers=8)
            while (await store.status()).alarm:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.1)
            items = (await store.list(PREFIX)).items
            return Ending(
                store.current_revision(), {i.key: Item(i.value, i.revision) for i in items}
            )

    oracle = Oracle(ends=subject.ends)
    ending = run_virtual(story())
    if subject.durable:
        ending = ending_of(subject.engine, folder)
    return Outcome.of(oracle, rounds, oracle.judge(entries, ending))
