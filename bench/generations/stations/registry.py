"""The stations in the order in which a round visits them. A new one is a file and a line."""

from __future__ import annotations

from typing import Final

from bench.generations.stations.encodings import encodings
from bench.generations.stations.fanning import fanning
from bench.generations.stations.feeding import feeding
from bench.generations.stations.interface import Station
from bench.generations.stations.large import large
from bench.generations.stations.living import living
from bench.generations.stations.raw import raw

STATIONS: Final[dict[str, tuple[str, Station]]] = {
    "feeding": ("a", feeding),
    "fanning": ("b", fanning),
    "large": ("cf", large),
    "living": ("d", living),
    "encodings": ("e", encodings),
    "raw": ("h", raw),
}
"""By name: the letters of the rows that it serves, and what it does. Row g is played by a matrix,
not by a station (``plane``)."""
