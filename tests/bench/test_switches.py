"""Switches: what the command line makes of them, and which process is told what."""

from __future__ import annotations

import shlex
from dataclasses import fields, replace

import msgspec
import pytest

import reports.model
from bench.cli import build_parser
from bench.commands.options import load_config, plane_config
from bench.commands.switch_options import BEHAVIOUR_HELP
from bench.results import Config
from bench.switches import (
    APISERVER,
    CONTROL,
    NODES,
    RUNNING,
    SWITCHES,
    USUAL,
    PodBehaviour,
    Switches,
    flag,
    process_arguments,
    settings,
)
from cluster.processes import apiserver, control, nodes
from reports.environment_facts import load_facts
from reports.reproduce import run_command

PARSERS = {
    APISERVER: (apiserver.parser, []),
    CONTROL: (control.parser, ["--server", "http://x"]),
    NODES: (nodes.parser, ["--server", "http://x", "--nodes", "1"]),
}
SAMPLES = {
    "start_latency_ms": "5:10",
    "terminate_latency_ms": "5",
    "crash_probability": "0.25",
    "crash_after": "1s:5s",
    "run_for": "1m",
    "ready_after": "250ms",
    "unready_every": "10s",
    "unready_for": "1s",
}


def told(process: str, switches: Switches = USUAL, behaviour: PodBehaviour = RUNNING) -> list[str]:
    return process_arguments(process, switches, behaviour)


def test_every_switch_is_declared_once_and_its_usual_value_comes_first() -> None:
    assert {name: switch.values[0] for name, switch in SWITCHES.items()} == settings(USUAL)
    assert set(BEHAVIOUR_HELP) == {field.name for field in fields(PodBehaviour)} == set(SAMPLES)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, s in SWITCHES.items() for value in s.values]
)
def test_a_process_understands_every_value_that_it_is_told(name: str, value: str) -> None:
    chosen = Switches(**{name: value})

    for process in SWITCHES[name].processes:
        parser, needed = PARSERS[process]
        parsed = parser().parse_args([*needed, *told(process, chosen)])
        usual = parser().parse_args([*needed, *told(process)])
        assert (parsed == usual) is (chosen == USUAL)


@pytest.mark.parametrize(("name", "value"), SAMPLES.items())
def test_the_nodes_understand_every_behaviour(name: str, value: str) -> None:
    parser, needed = PARSERS[NODES]

    arguments = told(NODES, behaviour=PodBehaviour(**{name: value}))

    assert parser().parse_args([*needed, *arguments]) != parser().parse_args(needed)
    assert arguments[-2:] == [flag(name), value]


def test_the_usual_is_what_the_processes_do_untold() -> None:
    for process, (parser, needed) in PARSERS.items():
        assert parser().parse_args([*needed, *told(process)]) == parser().parse_args(needed)


@pytest.mark.parametrize("command", ["run", "matrix", "up", "locust"])
def test_flags_become_the_config_of_every_command_that_starts_a_plane(command: str) -> None:
    flipped = {name: switch.values[-1] for name, switch in SWITCHES.items()}
    given = [part for name, value in {**flipped, **SAMPLES}.items() for part in (flag(name), value)]

    arguments = build_parser().parse_args([command, *given])

    config = plane_config(arguments, "json", "etcd3-real")
    assert settings(config.switches) == flipped
    assert settings(config.behaviour) == SAMPLES


def test_a_command_line_without_switches_is_the_usual_cell() -> None:
    config = load_config(build_parser().parse_args(["run"]), "protobuf", "etcd3")

    assert config == Config(storage_codec="protobuf")


def read_by_reports(config: Config) -> reports.model.Config:
    return msgspec.json.decode(msgspec.json.encode(config), type=reports.model.Config)


@pytest.mark.parametrize(
    "config",
    [
        Config(storage_codec="protobuf"),
        Config(
            nodes=7,
            codec="json",
            storage_codec="orjson",
            store="etcd3-real",
            watch_write="asgi",
            switches=Switches(**{name: switch.values[-1] for name, switch in SWITCHES.items()}),
            behaviour=PodBehaviour(**SAMPLES),
            heartbeat_s=2.5,
            probes=0,
            rate=3.5,
            seed=9,
        ),
    ],
    ids=["usual", "flipped"],
)
def test_the_command_that_a_report_shows_makes_the_same_cell(config: Config) -> None:
    _, *argv = shlex.split(run_command(read_by_reports(config)))

    arguments = build_parser().parse_args(argv)

    assert load_config(arguments, arguments.codec, arguments.store) == config


def test_a_report_tells_every_departure_apart_from_the_usual() -> None:
    flipped = replace(
        Config(), switches=Switches(events="off"), behaviour=PodBehaviour(crash_after="1s")
    )

    facts = dict(load_facts(read_by_reports(flipped)))

    assert (facts["Events"], facts["a run that fails lasts"]) == ("off", "1s")
    assert "kubelets write statuses by: put" in facts["as usual"]
    assert "Events" not in facts["as usual"]
