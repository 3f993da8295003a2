"""What the terminal's summary says of layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.layer_results import Attribution, ProcessLayers
from bench.switches import APISERVER

SHOWN: Final = 6


def layer_lines(attribution: Attribution) -> Iterator[str]:
    """Yield where the API server's CPU goes, the largest layers first, and how often it encodes."""
    for name, process in sorted(attribution.processes.items()):
        if process.unreliable:
            yield (
                f"layers of {name} are not to be relied on: they come to"
                f" {1 - process.rest_s / process.cpu_s:.0%} of what it used"
            )
    server = attribution.processes.get(APISERVER)
    if server is not None and server.cpu_s > 0:
        yield f"CPU: {_largest(server)}; measuring that {server.own_share:.1%}"
    encodes = attribution.encodes
    if encodes is not None and encodes.per_version is not None:
        fresh = ", ".join(f"{codec} {times:,}" for codec, times in encodes.fresh.items())
        yield (
            f"encodings: {encodes.per_version:.2f} for each of {encodes.versions:,} object versions"
            f" (store {encodes.for_store:,}{', ' if fresh else ''}{fresh})"
        )


def _largest(server: ProcessLayers) -> str:
    layers = sorted(server.layers, key=lambda layer: -layer.cpu_s)[:SHOWN]
    shares = [f"{layer.name} {layer.cpu_s / server.cpu_s:.0%}" for layer in layers]
    shown = {layer.name for layer in layers}
    others = sum(layer.cpu_s for layer in server.layers if layer.name not in shown)
    return ", ".join(
        [
            *shares,
            f"other layers {others / server.cpu_s:.0%}",
            f"loop and rest {server.rest_s / server.cpu_s:.0%}",
        ]
    )
