"""``python -m bench.micro.codec_suite``: the pyperf script of the codec suite.

Each benchmark is named ``codec/level/direction/shape`` and carries ``encoded_bytes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

import pyperf
from google.protobuf.message import Message

from bench.micro.shapes import SHAPES
from bench.micro.wire import WIRES
from serialization.codecs.interface import Codec
from serialization.codecs.registry import CODECS

MODULE: Final = "bench.micro.codec_suite"


class Case(NamedTuple):
    """One benchmark."""

    name: str
    call: Callable[[], object]
    encoded_bytes: int


def cases() -> Iterator[Case]:
    """Yield every benchmark, in the order of the table."""
    for shape, make in SHAPES.items():
        message = make()
        for name, codec in CODECS.items():
            yield from _cases(shape, message, name, codec)


def _cases(shape: str, message: Message, name: str, codec: Codec) -> Iterator[Case]:
    encoded = codec.encode_bare(message)
    size = len(encoded)
    yield Case(f"{name}/typed/encode/{shape}", partial(codec.encode_bare, message), size)
    yield Case(
        f"{name}/typed/decode/{shape}", partial(codec.decode_bare, type(message), encoded), size
    )
    if name in WIRES:
        wire = WIRES[name](message, encoded)
        yield Case(f"{name}/wire/encode/{shape}", wire.encode, size)
        yield Case(f"{name}/wire/decode/{shape}", wire.decode, size)


def main() -> None:
    """Run every benchmark under pyperf's own command line."""
    runner = pyperf.Runner(program_args=("-m", MODULE))
    for case in cases():
        runner.bench_func(case.name, case.call, metadata={"encoded_bytes": case.encoded_bytes})


if __name__ == "__main__":
    main()
