"""The codec table: encode and decode, wire and typed, each object, beside what is claimed."""

from __future__ import annotations

from typing import Final, NamedTuple

from reports.claims import PROTOBUF_CLAIM
from reports.comparing import CodecResults, CodecRow
from reports.html import Markup, element, join, missing, table
from reports.wording import NOT_MEASURED, duration_ms, size

HOW_TO_MEASURE: Final = "kubedyno micro --suite codecs --out DIR adds it."
REFERENCE: Final = "protobuf"


class Speedup(NamedTuple):
    """How many times faster the reference is than a text codec, over the shapes measured."""

    codec: str
    level: str
    direction: str
    slowest: float
    fastest: float


def _find(results: CodecResults, codec: str, row: CodecRow) -> CodecRow | None:
    for other in results.rows:
        same = (other.level, other.direction, other.shape) == (row.level, row.direction, row.shape)
        if other.codec == codec and same:
            return other
    return None


def speedups(results: CodecResults) -> list[Speedup]:
    """Return the reference's speed-up over each other codec, by level and direction."""
    gathered: dict[tuple[str, str, str], list[float]] = {}
    for row in results.rows:
        reference = _find(results, REFERENCE, row)
        if row.codec != REFERENCE and reference is not None and reference.mean_us > 0:
            key = (row.codec, row.level, row.direction)
            gathered.setdefault(key, []).append(row.mean_us / reference.mean_us)
    return [Speedup(*key, min(ratios), max(ratios)) for key, ratios in gathered.items()]


def _time(row: CodecRow | None) -> str:
    if row is None:
        return NOT_MEASURED
    spread = row.stdev_us
    range_ = f"± {duration_ms(spread / 1000)}" if spread is not None else ""
    return join((duration_ms(row.mean_us / 1000), _range(range_)))


def _range(words: str) -> Markup:
    return element("span", words, style="range") if words else Markup("")


def _times(results: CodecResults, codecs: list[str]) -> Markup:
    keys = dict.fromkeys((row.shape, row.direction, row.level) for row in results.rows)
    rows = []
    for shape, direction, level in keys:
        sample = CodecRow("", level, direction, shape, 0.0)
        rows.append(
            [shape, direction, level, *(_time(_find(results, codec, sample)) for codec in codecs)]
        )
    return table(["object", "way", "level", *codecs], rows, labels=3)


def _sizes(results: CodecResults, codecs: list[str]) -> Markup:
    found = {
        (row.shape, row.codec): row.encoded_bytes
        for row in results.rows
        if row.encoded_bytes is not None
    }
    shapes = dict.fromkeys(shape for shape, _ in found)
    rows = [
        [
            shape,
            *(
                size(found[shape, codec]) if (shape, codec) in found else NOT_MEASURED
                for codec in codecs
            ),
        ]
        for shape in shapes
    ]
    return table(["encoded size", *codecs], rows)


def codec_tables(results: CodecResults) -> Markup:
    """Return the tables of times and sizes."""
    codecs = list(dict.fromkeys(row.codec for row in results.rows))
    parts: list[str] = [_times(results, codecs), _sizes(results, codecs)]
    if results.fast:
        parts.append(
            element("p", "Measured with few repetitions: good for a look, not for a claim.")
        )
    parts += [element("p", note) for note in results.notes]
    return join(parts)


def claim_rows(results: CodecResults | None) -> list[list[str]]:
    """Return rows of (what, claimed, measured) for the codecs alone."""
    claimed = f"{PROTOBUF_CLAIM[0]:g}-{PROTOBUF_CLAIM[1]:g}x"
    if results is None:
        return [
            ["codecs alone, protobuf against JSON", claimed, f"{NOT_MEASURED}: {HOW_TO_MEASURE}"]
        ]
    return [
        [
            f"codecs alone, {found.direction} {found.level}, protobuf against {found.codec}",
            claimed if found.codec == "json" else "no claim",
            f"{found.slowest:.1f}-{found.fastest:.1f}x",
        ]
        for found in speedups(results)
    ]


def missing_table() -> Markup:
    """Return what stands in the table's place."""
    return missing(HOW_TO_MEASURE)
