"""The switches of a plane as pages tell them, and as the command line takes them.

The usual values are those of ``bench.switches``; a test holds the two together.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from reports.model import Config


class Named(NamedTuple):
    """A switch for people."""

    title: str
    usual: str


SWITCHES: Final = {
    "watch_index": Named("watchers looked up by node and name", "on"),
    "encode_once": Named("encoded bytes kept", "on"),
    "shared_informers": Named("informers shared by controllers", "on"),
    "initial_events": Named("informers begin with a watch", "off"),
    "leader_elect": Named("leader election", "off"),
    "events": Named("Events", "on"),
    "kubelet_writes": Named("kubelets write statuses by", "put"),
    "heartbeat_kind": Named("a heartbeat writes the", "status"),
    "node_watch": Named("hollow nodes watch their node", "on"),
    "kubelet_listen": Named("kubelets answer at a port", "on"),
    "attribution": Named("CPU attributed to layers", "on"),
    "history": Named("histories kept and checked", "on"),
    "etcd_batch": Named("writes to etcd joined in one Txn", "off"),
}
BEHAVIOUR: Final = {
    "start_latency_ms": "ms until a pod runs",
    "terminate_latency_ms": "ms until a deleted pod is gone",
    "crash_probability": "part of containers' runs that fail",
    "crash_after": "a run that fails lasts",
    "run_for": "other runs last",
    "ready_after": "from start to readiness",
    "unready_every": "containers stay ready for",
    "unready_for": "and are unready then for",
}


def switch_facts(config: Config) -> list[tuple[str, str]]:
    """Return what departs from the usual, a row each, and then what does not, in one."""
    usual, rows = [], []
    for name, value in config.switches.items():
        title = switch_title(name)
        if _is_usual(name, value):
            usual.append(f"{title}: {value}")
        else:
            rows.append((title, value))
    rows += [
        (BEHAVIOUR.get(name, name.replace("_", " ")), value)
        for name, value in config.behaviour.items()
        if value
    ]
    return [*rows, ("as usual", ", ".join(usual))]


def switch_title(name: str) -> str:
    """Return the name of a switch as people read it."""
    return SWITCHES[name].title if name in SWITCHES else name.replace("_", " ")


def switch_flags(config: Config) -> list[str]:
    """Return the flags that set what departs from the usual."""
    flags = []
    for name, value in {**config.switches, **config.behaviour}.items():
        if value and not _is_usual(name, value):
            flags += ["--" + name.replace("_", "-"), value]
    return flags


def _is_usual(name: str, value: str) -> bool:
    return name in SWITCHES and SWITCHES[name].usual == value
