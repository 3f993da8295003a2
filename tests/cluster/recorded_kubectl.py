"""The recorded kubectl commands: what was said, in a form in which two clusters can be compared.

A Deployment is not served. Where a command was about the recorded Deployment ``web``, a ReplicaSet
of the same name and pods stands in its place, and the record is read as if it had been of that.
"""

from __future__ import annotations

import gzip
import json
import re
import shlex
from dataclasses import dataclass
from typing import Final

import yaml

from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.serving import Json

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
ENDED: Final = "ended by the recorder"

_STAND_IN: Final = (
    ("deployments.v1.apps", "replicasets.v1.apps"),
    ("deployments.apps", "replicasets.apps"),
    ("deployment.apps", "replicaset.apps"),
    ("deployment/", "replicaset/"),
    ("deploy/", "rs/"),
    ("deploy ", "rs "),
)
_RUN_OWN: Final = (
    (r"(?m)^WARNING: version difference.*\n", ""),
    (r"http://127\.0\.0\.1:\d+", "http://HOST"),
    (r"\S+/(LIVE|MERGED)-\d+/", r"\1/"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \+0000", "TIME"),
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", "TIME"),
    (r"\b(10|172|192)(\.\d+){3}\b", "IP"),
    (r"(?<!\S)(\d+[smhd]){1,2}(?!\S)", "AGE"),
    (r"\bv1\.\d+\.\d+[-+.\w]*", "VERSION"),
    (r"\b(web|onesvc)(-[0-9a-f]{8,10})?-[bcdfghjklmnpqrstvwxz2-9]{5}\b", r"\1-SUFFIX"),
    (r"\bweb-[0-9a-f]{8,10}\b", "web"),
)
"""What is this run's own, and how both are told: times, addresses, suffixes of names."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command said. ``out`` is None where only its length was recorded."""

    code: int | None
    out: tuple[str, ...] | None
    err: tuple[str, ...]

    def agrees(self, recorded: Outcome) -> bool:
        """Whether this is what was recorded, as far as it was."""
        if recorded.code is not None and self.code != recorded.code:
            return False
        return (recorded.out is None or self.out == recorded.out) and self.err == recorded.err


@dataclass(frozen=True, slots=True)
class Command:
    """A recorded command."""

    number: int
    text: str
    ended: bool
    """Whether it went on until the recorder ended it."""
    told: Outcome

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)


def outcome(code: int | None, out: str | None, err: str) -> Outcome:
    """Return what was said, in words by line, without what is this run's own."""
    return Outcome(code, None if out is None else _lines(out), _lines(err))


def _lines(text: str) -> tuple[str, ...]:
    for pattern, instead in _RUN_OWN:
        text = re.sub(pattern, instead, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return tuple(line for line in lines if line)


class Recording:
    """All commands, and the files that they were given."""

    def __init__(self, standing_in: frozenset[int]) -> None:
        """Read it; the commands of ``standing_in`` are told of a ReplicaSet."""
        self._standing_in = standing_in
        self._texts: dict[int, str] = {}
        self._bodies: dict[int, list[Json]] = {}
        self.commands: list[Command] = []
        with gzip.open(golden("kubectl-http.jsonl.gz"), "rt", encoding="utf-8") as lines:
            for record in map(json.loads, lines):
                self._take(record)
        self.commands.sort(key=lambda command: command.number)

    def _take(self, record: Json) -> None:
        number = record["cmd"]
        assert isinstance(number, int)
        if "kubectl" in record:
            self._texts[number] = str(record["kubectl"])
        elif "exit" in record:
            self.commands.append(self._command(number, record))
        elif isinstance(body := record.get("reqBody"), dict) and "hex" not in body:
            self._bodies.setdefault(number, []).append(body)

    def _command(self, number: int, record: Json) -> Command:
        text, out, err = self._texts[number], record.get("stdout"), str(record["stderr"])
        told = "" if out is None else str(out)
        if number in self._standing_in:
            text, told, err = _of_replica_set(text), _of_replica_set(told), _of_replica_set(err)
        exited = record["exit"]
        code = exited if isinstance(exited, int) else None
        return Command(
            number, text, exited == ENDED, outcome(code, None if out is None else told, err)
        )

    def files(self) -> dict[str, str]:
        """Return the files of the commands, as far as these commands are served."""
        applied = [json.loads(_last_applied(body)) for body in self._bodies[51]]
        return {
            "dep.yaml": json.dumps(_replica_set(self._bodies[11][0])),
            "cm.yaml": json.dumps(self._bodies[43][0]),
            "cm2.yaml": _last_applied(self._bodies[46][0]),
            "multi.yaml": yaml.safe_dump_all(applied),
            "bad.yaml": json.dumps(self._bodies[58][0]),
            "dep2.yaml": json.dumps(self._bodies[57][0]),
            "ds.yaml": _last_applied(self._bodies[123][0]),
        }


def _of_replica_set(text: str) -> str:
    for deployment, replica_set in _STAND_IN:
        text = text.replace(deployment, replica_set)
    return text


def _last_applied(body: Json) -> str:
    metadata = body["metadata"]
    assert isinstance(metadata, dict)
    annotations = metadata["annotations"]
    assert isinstance(annotations, dict)
    return str(annotations[LAST_APPLIED])


def _replica_set(deployment: Json) -> Json:
    """Return the ReplicaSet that stands in for a Deployment: it makes the same pods."""
    text = json.dumps(deployment | {"kind": "ReplicaSet"})
    labelled = text.replace(
        '{"app": "web"}}, "spec"', '{"app": "web", "pod-template-hash": "647cb7b6c5"}}, "spec"'
    )
    replica_set: Json = json.loads(labelled)
    return replica_set
