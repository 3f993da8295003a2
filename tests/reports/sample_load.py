"""The load part of a run's results, made by hand."""

from __future__ import annotations

from typing import Any

LATE = {"count": 25, "p50_ms": 0.2, "p90_ms": 0.4, "p99_ms": 1.4, "max_ms": 1.4}
LOAD: dict[str, Any] = {
    "sent": [
        {
            "phase": "steady",
            "what": "create pods",
            "intended": 25,
            "sent": 25,
            "intended_per_s": 5.0,
            "achieved_per_s": 4.75,
            "late": LATE,
            "answered": {**LATE, "p50_ms": 2.5},
        },
        {"phase": "run", "what": "heartbeats", "intended": 100, "sent": 100},
    ],
    "machine": {
        "fill": {
            "seconds": 7.5,
            "cores": 2,
            "busy_cores": 1.9,
            "stolen_share": 0.012,
            "plane_cores": 1.25,
            "generator_cores": 0.5,
            "others_cores": 0.15,
        }
    },
    "vitals": {"apiserver": {"pauses": 12, "pause_share": 0.011, "frozen_max_ms": 61.0}},
    "stalls": [{"phase": "steady", "what": "answer", "begin_s": 9.5, "lasted_s": 2.05}],
    "answer": LATE,
}
