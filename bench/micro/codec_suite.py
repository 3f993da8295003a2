"""``python -m bench.micro.codec_suite``: the pyperf script of the codec suite.

Each benchmark is named ``codec/level/direction/shape``. pyperf runs this module once for every
process of every benchmark, so that nothing is built but what that process measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from itertools import product
from typing import Final, NamedTuple

import pyperf
from google.protobuf.message import Message

from bench.micro.shapes import SHAPES
from bench.micro.wire import WIRES
from serialization.codecs.registry import CODECS

MODULE: Final = "bench.micro.codec_suite"
LEVELS: Final = ("typed", "wire")
DIRECTIONS: Final = ("encode", "decode")


class Case(NamedTuple):
    """One benchmark."""

    codec: str
    level: str
    direction: str
    shape: str

    @property
    def name(self) -> str:
        """Return its name in pyperf's files."""
        return "/".join(self)


def cases() -> list[Case]:
    """Return every benchmark, in the order of the table."""
    return [
        Case(codec, level, direction, shape)
        for shape, codec, level, direction in product(SHAPES, CODECS, LEVELS, DIRECTIONS)
        if level == "typed" or codec in WIRES
    ]


@cache
def message_of(shape: str) -> Message:
    """Return the message of a shape."""
    return SHAPES[shape]()


@cache
def encoded(codec: str, shape: str) -> bytes:
    """Return a shape's encoded form."""
    return CODECS[codec].encode_bare(message_of(shape))


@cache
def operation(case: Case) -> Callable[[], object]:
    """Return what a case repeats."""
    message, text = message_of(case.shape), encoded(case.codec, case.shape)
    if case.level == "wire":
        wire = WIRES[case.codec](message, text)
        return wire.encode if case.direction == "encode" else wire.decode
    codec = CODECS[case.codec]
    if case.direction == "encode":
        return partial(codec.encode_bare, message)
    return partial(codec.decode_bare, type(message), text)


def timed(loops: int, case: Case) -> float:
    """Return the seconds that ``loops`` operations take."""
    repeat, call = range(loops), operation(case)
    begin = time.perf_counter()
    for _ in repeat:
        call()
    return time.perf_counter() - begin


def main() -> None:
    """Run every benchmark under pyperf's own command line."""
    runner = pyperf.Runner(program_args=("-m", MODULE))
    for case in cases():
        runner.bench_time_func(case.name, timed, case)


if __name__ == "__main__":
    main()
