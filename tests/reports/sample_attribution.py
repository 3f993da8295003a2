"""The layers part of a run's results, made by hand: layers and rest add up to the process."""

from __future__ import annotations

from typing import Any, Final

SECONDS: Final = {
    "parse": 1.5,
    "decode": 2.5,
    "admit": 2.25,
    "encode": 1.0,
    "store": 0.75,
    "commit": 1.25,
    "fanout": 0.5,
    "socket": 1.25,
}
REST_S: Final = 1.0


def layer(name: str, cpu_s: float) -> dict[str, Any]:
    return {
        "name": name,
        "cpu_s": cpu_s,
        "cpu_fill_s": cpu_s / 2,
        "operation": "request",
        "operations": 40_000,
    }


LAYERS: Final[dict[str, Any]] = {
    "processes": {
        "apiserver": {
            "cpu_s": sum(SECONDS.values()) + REST_S,
            "cpu_fill_s": (sum(SECONDS.values()) + REST_S) / 2,
            "layers": [layer(name, cpu_s) for name, cpu_s in SECONDS.items()],
            "rest_s": REST_S,
            "rest_fill_s": REST_S / 2,
            "kernel_s": 1.5,
            "own_share": 0.004,
        }
    },
    "pods": 400,
    "encodes": {
        "versions": 2000,
        "for_store": 2010,
        "stamped": 1990,
        "fresh": {"orjson": 12},
        "kept": {"protobuf": 9000},
    },
}
