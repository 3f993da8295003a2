"""What checking takes: ``python -m tests.bench.history.measure_checker [--pods N]``.

Writes the history of a made-up run (41 records a pod: 75,000 pods make 3 million), judges it in a
process of its own, and prints time and peak memory. It must find nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from bench.history.reader import DTYPE, Records
from bench.history.truth import Ints
from cluster.client.history_format import (
    DIRECTORY,
    HEADER,
    MAGIC,
    RECORD,
    Flag,
    Kind,
    Seen,
    Verb,
    names_path,
    records_path,
)

NODES: Final = 2_000
STEPS: Final = 12
"""Changes a pod: create, bind, run, six Events, delete, last state, gone."""
EVENTS: Final = 6
OF_POD: Final = (0, 1, 2, 9, 10, 11)
WORK, POSTS, FIRST_FOLLOWER = 1, 2, 3
PREFIX: Final = "/registry/pods/"


class Run:
    """A made-up run; names are numbered alike in all of its files."""

    def __init__(self, pods: int) -> None:
        self.pods: Ints = np.arange(pods)
        self.names = [
            json.dumps({"client": "work"}),
            json.dumps({"client": "events"}),
            *(_follower(f"spec.nodeName=node-{n}") for n in range(NODES)),
            _follower(""),
            PREFIX,
            "/registry/events/",
            *(f"node-{n}" for n in range(NODES)),
        ]
        self.all_pods = FIRST_FOLLOWER + NODES
        self.prefix = self.all_pods + 1
        self.node = self.prefix + 2
        self.pod = self.node + NODES
        self.event = self.pod + pods
        self.names += [f"{PREFIX}load-{n % 20}/rc-{n // 30:05d}-{n:06x}" for n in self.pods]
        self.names += [
            f"/registry/events/load-{n % 20}/rc-{n // 30:05d}-{n:06x}.18ea9d017c{e:06x}"
            for n in self.pods
            for e in range(EVENTS)
        ]

    def revision(self, step: int) -> Ints:
        """Return the revision of each pod's step."""
        return 2 + self.pods * STEPS + step

    def records(self, kind: Kind, step: int, **fields: Ints | int) -> Records:
        """Return a record a pod, of a step of its life."""
        made = np.zeros(len(self.pods), DTYPE)
        made["kind"] = kind
        revision = self.revision(step)
        made["key"] = self.pod + self.pods
        if step not in OF_POD:
            made["key"] = self.event + self.pods * EVENTS + step - 3
        elif step:
            made["node"] = self.node + self.pods % NODES
            made["flags"] = Flag.BOUND
        made["revision"] = revision
        made["begin_ns"] = made["end_ns"] = revision * 1_000
        for name, value in fields.items():
            made[name] = value
        return made

    def change(self, step: int) -> Records:
        """Return the change that a step is."""
        seen = Seen.ADDED if step not in OF_POD or not step else Seen.MODIFIED
        before = OF_POD[OF_POD.index(step) - 1] if step in OF_POD and step else None
        asked: Ints | int = 0 if before is None else self.revision(before)
        verb = Seen.DELETED if step == STEPS - 1 else seen
        return self.records(Kind.CHANGE, step, verb=verb, asked=asked)

    def seen(self, step: int, source: Ints | int, *, node: bool) -> Records:
        """Return the event of a step, as a follower took it in."""
        verb = Seen.DELETED if step == STEPS - 1 else Seen.MODIFIED
        if step == int(node):
            verb = Seen.ADDED
        return self.records(Kind.EVENT, step, verb=verb, source=source)

    def write(self, step: int, verb: Verb, **fields: Ints | int) -> Records:
        """Return the request that made a step."""
        moment = self.revision(step) * 1_000
        times = {"begin_ns": moment - 300, "end_ns": moment + 300}
        source = WORK if step in OF_POD else POSTS
        given = {"verb": verb, "code": 200, "source": source, **times, **fields}
        return self.records(Kind.WRITE, step, **given)


def _follower(fields: str) -> str:
    return json.dumps({"watch": PREFIX, "namespace": "", "labels": "", "fields": fields})


def _lists(sources: Ints, run: Run) -> Records:
    made = np.zeros(len(sources), DTYPE)
    made["kind"], made["source"], made["revision"], made["key"] = Kind.LIST, sources, 1, run.prefix
    return made


def write_run(directory: Path, run: Run) -> int:
    """Write the files; return how many records there are."""
    steps = range(STEPS)
    digests = np.zeros(1, DTYPE)
    digests["kind"], digests["key"], digests["flags"] = Kind.DIGEST, run.prefix, Flag.STORE
    digests["revision"] = run.revision(STEPS - 1)[-1]
    whole = np.array([run.all_pods])
    each = np.arange(FIRST_FOLLOWER, FIRST_FOLLOWER + NODES)
    of_node = each[run.pods % NODES]
    after_binding = run.revision(1) * 1_000 + 1
    told = [run.seen(step, run.all_pods, node=False) for step in OF_POD]
    parts = {
        "apiserver": ([], [run.change(step) for step in steps], digests),
        "control": (
            [_lists(whole, run)],
            [*told, run.write(0, Verb.CREATE), run.write(1, Verb.BIND, revision=0)],
            None,
        ),
        "measuring": ([_lists(whole, run)], told, None),
        "nodes": (
            [_lists(each, run)],
            [
                *(run.seen(step, of_node, node=True) for step in OF_POD[1:]),
                *(run.write(step, Verb.CREATE) for step in range(3, 3 + EVENTS)),
                run.write(2, Verb.UPDATE_STATUS, asked=run.revision(1)),
                run.write(9, Verb.DELETE, revision=0),
                run.write(11, Verb.DELETE, revision=0, begin_ns=run.revision(10) * 1000 - 300),
                run.records(Kind.READ, 1, verb=Verb.GET, source=WORK, end_ns=after_binding),
            ],
            None,
        ),
    }
    total = 0
    for process, (first, moving, last) in parts.items():
        middle = np.concatenate(moving)
        middle = middle[np.argsort(middle["end_ns"], kind="stable")]
        records = np.concatenate([*first, middle, *([] if last is None else [last])])
        end = np.zeros(1, DTYPE)
        end["kind"], end["extra"] = Kind.END, len(records)
        header = HEADER.pack(MAGIC, RECORD.size, 1, 0)
        data = header + records.tobytes() + end.tobytes()
        records_path(directory, process).write_bytes(data)
        names_path(directory, process).write_text("\n".join([*run.names, ""]), encoding="utf-8")
        total += len(records)
    return total


def main() -> int:
    """Write, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=75_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as results:
        directory = Path(results) / DIRECTORY
        directory.mkdir()
        total = write_run(directory, Run(arguments.pods))
        sys.stdout.write(f"{total:,} records written\n")
        sys.stdout.flush()
        return subprocess.run(
            [sys.executable, "-m", "bench.history.check", results], check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
