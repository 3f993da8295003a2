"""The switches of a plane beside codec and store: what they may be, and which process hears of it.

A new switch is a field of ``Switches``, a line in ``SWITCHES``, what proves it in
``switch_proofs.PROOFS``, and a line in ``reports.switch_facts``; tests hold the four together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final, NamedTuple

APISERVER: Final = "apiserver"
CONTROL: Final = "control"
NODES: Final = "nodes"

ON_FIRST: Final = ("on", "off")
OFF_FIRST: Final = ("off", "on")


@dataclass(frozen=True, slots=True)
class Switches:
    """One value of each; the defaults are the usual ones, which no cell's name mentions."""

    watch_index: str = "on"
    encode_once: str = "on"
    shared_informers: str = "on"
    initial_events: str = "off"
    leader_elect: str = "off"
    events: str = "on"
    kubelet_writes: str = "put"
    heartbeat_kind: str = "status"
    node_watch: str = "on"
    kubelet_listen: str = "on"
    attribution: str = "on"
    history: str = "on"
    etcd_batch: str = "off"


class Switch(NamedTuple):
    """What a switch may be, and what it is to whom."""

    values: tuple[str, ...]
    """The first is the usual one."""
    processes: tuple[str, ...]
    """Who is told."""
    help: str
    argument: str = ""
    """What those processes call it; empty: the same."""
    spelled: Mapping[str, str] = MappingProxyType({})
    """What they call its values, where it is something else."""
    word: str = ""
    """Its name in cells; empty: the flag's."""


SWITCHES: Final[dict[str, Switch]] = {
    "watch_index": Switch(
        ON_FIRST, (APISERVER,), "look watchers up by name or node; off: try each event on all"
    ),
    "encode_once": Switch(
        ON_FIRST, (APISERVER,), "keep encoded bytes; off: encode for every watcher and list"
    ),
    "shared_informers": Switch(
        ON_FIRST, (CONTROL,), "one cache for all controllers; off: each lists and watches alone"
    ),
    "initial_events": Switch(
        OFF_FIRST, (CONTROL,), "begin with watches that tell the state first, not with lists"
    ),
    "leader_elect": Switch(
        OFF_FIRST, (CONTROL,), "controllers and scheduler work only while they hold a lease"
    ),
    "events": Switch(ON_FIRST, (CONTROL, NODES), "components post Events on what they do"),
    "kubelet_writes": Switch(
        ("put", "patch"), (NODES,), "statuses; put: the codec; patch: JSON, whatever the codec"
    ),
    "heartbeat_kind": Switch(
        ("status", "lease"),
        (NODES,),
        "what a heartbeat writes; lease: the status with every 30th only",
        argument="--heartbeat",
        word="heartbeat",
    ),
    "node_watch": Switch(ON_FIRST, (NODES,), "every hollow node watches its node object, too"),
    "kubelet_listen": Switch(
        ON_FIRST,
        (NODES,),
        "the kubelets answer at a port (logs)",
        spelled=MappingProxyType({"on": "127.0.0.1:0"}),
    ),
    "attribution": Switch(
        ON_FIRST, (APISERVER, CONTROL, NODES), "measure on samples where the CPU goes"
    ),
    # The plane tells the processes where to keep it.
    "history": Switch(ON_FIRST, (), "every process keeps a history of its run, which is checked"),
    # It goes into the store's address.
    "etcd_batch": Switch(
        OFF_FIRST, (), "an etcd is sent several writes in one Txn: they share a revision"
    ),
}


@dataclass(frozen=True, slots=True)
class PodBehaviour:
    """What hollow containers do, in the words of the nodes process; empty: they start and run."""

    start_latency_ms: str = ""
    terminate_latency_ms: str = ""
    crash_probability: str = ""
    crash_after: str = ""
    run_for: str = ""
    ready_after: str = ""
    unready_every: str = ""
    unready_for: str = ""


USUAL: Final = Switches()
RUNNING: Final = PodBehaviour()


def settings(chosen: Switches | PodBehaviour) -> dict[str, str]:
    """Return all settings by name."""
    return {field.name: str(getattr(chosen, field.name)) for field in fields(chosen)}


def flag(name: str) -> str:
    """Return the flag of a setting: ``--watch-index``."""
    return "--" + name.replace("_", "-")


def departures(switches: Switches, behaviour: PodBehaviour) -> list[str]:
    """Return what the name of a cell says of them: ``events-off``, ``crash-after-1s-5s``."""
    said = []
    for name, value in settings(switches).items():
        if value != getattr(USUAL, name):
            said.append(f"{SWITCHES[name].word or flag(name)[2:]}-{value}")
    for name, value in settings(behaviour).items():
        if value:
            said.append(f"{flag(name)[2:]}-{value.replace(':', '-')}")
    return said


def process_arguments(process: str, switches: Switches, behaviour: PodBehaviour) -> list[str]:
    """Return the part of a process's command line that they make."""
    arguments = []
    for name, value in settings(switches).items():
        switch = SWITCHES[name]
        if process in switch.processes:
            arguments += [switch.argument or flag(name), switch.spelled.get(value, value)]
    if process == NODES:
        for name, value in settings(behaviour).items():
            if value:
                arguments += [flag(name), value]
    return arguments
