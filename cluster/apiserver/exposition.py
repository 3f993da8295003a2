"""Prometheus' text format, version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Sample(NamedTuple):
    """One line: a suffix to the family's name, labels, a value."""

    suffix: str
    labels: Mapping[str, str]
    value: float


class Family(NamedTuple):
    """A metric with all its samples."""

    name: str
    type: str
    help: str
    samples: Sequence[Sample]


def histogram_samples(
    labels: Mapping[str, str], bounds: Sequence[float], counts: Sequence[int], total: float
) -> Iterator[Sample]:
    """Yield the lines of one histogram; ``counts`` has one entry more than ``bounds``."""
    running = 0
    for bound, count in zip(bounds, counts, strict=False):
        running += count
        yield Sample("_bucket", {**labels, "le": _number(bound)}, running)
    running += counts[-1]
    yield Sample("_bucket", {**labels, "le": "+Inf"}, running)
    yield Sample("_sum", labels, total)
    yield Sample("_count", labels, running)


def render(families: Iterable[Family]) -> bytes:
    """Return the text of /metrics."""
    lines = []
    for family in families:
        lines.append(f"# HELP {family.name} {family.help}")
        lines.append(f"# TYPE {family.name} {family.type}")
        lines += [_line(family.name, sample) for sample in family.samples]
    return ("\n".join(lines) + "\n").encode()


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
    braces = f"{{{labels}}}" if labels else ""
    return f"{name}{sample.suffix}{braces} {_number(sample.value)}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
