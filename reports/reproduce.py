"""The command line that makes results again, from the configuration that they carry."""

from __future__ import annotations

import shlex
from typing import Final

from reports.comparing import MatrixResults
from reports.model import Config
from reports.switch_facts import switch_flags

_USUAL: Final = {
    "watch_write": "transport",
    "rate": 0.0,
    "heartbeat_s": 10.0,
    "probes": 25,
    "churn_per_s": 20.0,
}
"""The command line's defaults, which need no flag."""


_NUMBERS: Final = (
    ("--rate", "rate"),
    ("--heartbeat", "heartbeat_s"),
    ("--probes", "probes"),
    ("--churn", "churn_per_s"),
)


def _load_flags(config: Config) -> list[str]:
    flags = ["--nodes", str(config.nodes), "--pods", str(config.pods)]
    if config.apiservers != 1:
        flags += ["--apiservers", str(config.apiservers)]
    if config.watch_write and config.watch_write != _USUAL["watch_write"]:
        flags += ["--watch-write", config.watch_write]
    flags += switch_flags(config)
    for flag, key in _NUMBERS:
        value: float | None = getattr(config, key)
        if value is not None and value != _USUAL[key]:
            flags += [flag, f"{value:g}"]
    if config.steady_s is not None:  # their defaults hang on the size: always told
        flags += ["--steady", f"{config.steady_s:g}"]
    if config.compact_every_s:
        flags += ["--compact-every", f"{config.compact_every_s:g}"]
    if config.probe_interval_ms not in (None, 200.0):
        flags += ["--probe-interval", f"{config.probe_interval_ms:g}"]
    if config.seed is not None:
        flags += ["--seed", str(config.seed)]
    return flags


def run_command(config: Config) -> str:
    """Return the command of a run."""
    parts = ["kubedyno", "run", "--codec", config.codec, "--store", config.store]
    if config.storage_codec not in ("", config.codec):
        parts += ["--storage-codec", config.storage_codec]
    parts += _load_flags(config)
    if config.etcd_faults:
        parts += ["--etcd-fault", config.etcd_faults]
    if config.profile:
        parts.append("--profile")
    return shlex.join([*parts, "--out", "DIR"])


def matrix_command(results: MatrixResults, rounds: int) -> str:
    """Return the command of a matrix."""
    cells = results.cells
    codecs = dict.fromkeys(cell.codec for cell in cells)
    stores = dict.fromkeys(cell.store for cell in cells)
    parts = ["kubedyno", "matrix", "--codec", ",".join(codecs), "--store", ",".join(stores)]
    stored = [cell.storage_codec for cell in cells if cell.storage_codec not in ("", cell.codec)]
    if stored:
        parts += ["--storage-codec", stored[0]]
    for name, values in results.varied.items():
        parts += ["--switch", f"{name.replace('_', '-')}={','.join(values)}"]
    parts += ["--rounds", str(rounds), *_load_flags(results.shared)]
    return shlex.join([*parts, "--out", "DIR"])
