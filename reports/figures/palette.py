"""Colours, the same everywhere; told apart by people with any colour vision.

From Okabe and Ito's and Paul Tol's sets. Text codecs are warm, binary ones cool, so that the main
question of a matrix can be seen without reading a label.
"""

from __future__ import annotations

from typing import Final

from reports.wording import family

INK: Final = "#1f2328"
SOFT: Final = "#656d76"
RULE: Final = "#d8dee4"
ALARM: Final = "#b3261e"
MAIN: Final = "#0072b2"
LIGHTER: Final = 0.75
_SPARE: Final = ("#56b4e9", "#882255", "#117733", "#999933", "#cc79a7")
_CODECS: Final = {"protobuf": "#0072b2", "orjson": "#e69f00", "json": "#d55e00"}
_PROCESSES: Final = {
    "etcd": "#882255",
    "apiserver": "#332288",
    "control": "#44aa99",
    "nodes": "#ddaa33",
    "measuring": "#a0a7ae",
}
_STORES: Final = {"etcd3": "#0072b2", "etcd2": "#d55e00", "memory": "#656d76"}
STEPS: Final = {
    "created": "#3a8fb7",
    "scheduled": "#44aa99",
    "running": "#332288",
    "deleted": "#aa4499",
}


def _pick(table: dict[str, str], name: str) -> str:
    """Return a name's colour; a name that is not known gets one that depends on it alone."""
    return table.get(name) or _SPARE[sum(name.encode()) % len(_SPARE)]


def codec_colour(codec: str) -> str:
    """Return the colour of a codec."""
    return _pick(_CODECS, codec)


def store_colour(engine: str) -> str:
    """Return the colour of an engine."""
    return _pick(_STORES, engine)


def process_colour(process: str) -> str:
    """Return the colour of a process; of several of a sort each is lighter than the one before."""
    sort = family(process)
    colour, number = _pick(_PROCESSES, sort), process[len(sort) + 1 :]
    return tint(colour, LIGHTER ** (int(number) - 1)) if number else colour


def tint(colour: str, share: float) -> str:
    """Return ``share`` of a colour, the rest white: opaque, so that it prints as it looks."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)
