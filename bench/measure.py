"""``python -m bench.measure``: the measuring process of one run.

Takes a config (JSON, ``Config``), plays the run, writes the results directory. Standard output
carries a JSON object a line: {"phase", "done", "total"} while it goes on, {"note"} for people, at
the end {"status", "reasons"} or {"error"}. From the first line on, SIGINT or SIGTERM ends the run
in order, at whatever it is, and what was measured is written, as void.
Exit codes: 0 results were written, 1 they were not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import uvloop

from bench.child import ChildError
from bench.environment import describe_environment
from bench.measurements.registry import measure
from bench.plane import PlaneOptions
from bench.results import SCHEMA_VERSION, Config, Environment, Phase, Results, read_json
from bench.run import Outcome, Run
from bench.samples import write_samples
from bench.service_levels import service_levels
from bench.verdict.registry import judge
from cluster.client.interface import ApiError, TransportError
from cluster.processes.collector import survivors_kept
from storage.clock import Clock, SystemClock

logger = logging.getLogger(__name__)

TELL_INTERVAL_NS: Final = 200_000_000


class Teller:
    """Writes progress to standard output: every change of phase, else five lines a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._phase = ""
        self._next_ns = 0

    def progress(self, phase: str, done: int, total: int) -> None:
        """Tell how far a phase is."""
        now_ns = self._clock.stamp_ns()
        if phase == self._phase and now_ns < self._next_ns and done < total:
            return
        self._phase, self._next_ns = phase, now_ns + TELL_INTERVAL_NS
        self.say(phase=phase, done=done, total=total)

    def say(self, **facts: object) -> None:
        """Write one line."""
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


def compose(outcome: Outcome, environment: Environment, started: str) -> Results:
    """Return the results of a run that was played."""
    observed = outcome.observed
    measured = measure(observed)
    origin_ns = observed.origin_ns or observed.end_ns
    return Results(
        schema_version=SCHEMA_VERSION,
        run_id=f"{started}-{observed.config.cell}-{observed.config.seed}",
        started=started,
        duration_s=(observed.end_ns - origin_ns) / 1e9,
        environment=environment,
        config=observed.config,
        verdict=judge(replace(outcome.observations, load=measured.load, steady=measured.steady)),
        slo=service_levels(measured),
        phases=[
            Phase(
                phase.name,
                (phase.begin.stamp_ns - origin_ns) / 1e9,
                (phase.end.stamp_ns - origin_ns) / 1e9,
            )
            for phase in observed.phases
            if phase.end is not None
        ],
        measurements=measured,
        history=outcome.observations.history,
    )


async def run_and_write(config: Config, directory: Path, clock: Clock, teller: Teller) -> None:
    """Play a run and write its directory. Raises ChildError, ApiError, TransportError."""
    environment, started = describe_environment(), clock.now().isoformat(timespec="seconds")
    run = Run(PlaneOptions(config, directory), clock, teller.progress)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, run.interrupt)
    try:
        outcome = await run.play()
    except asyncio.CancelledError:
        if not run.interrupted:
            raise
        outcome = run.unplayed()
    for name, reason in outcome.profiles_refused.items():
        teller.say(note=f"no profile of {name}: {reason}")
    results = compose(outcome, environment, started)
    write_samples(outcome.observed, directory)
    results.write(directory)
    teller.say(status=results.verdict.status.value, reasons=results.verdict.reasons)


def main(argv: list[str] | None = None) -> int:
    """Measure as the command line says; return the exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    parser = argparse.ArgumentParser(prog="bench.measure", description=__doc__)
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    arguments = parser.parse_args(argv)
    config = read_json(arguments.config, Config)
    clock = SystemClock()
    teller = Teller(clock)
    try:
        with survivors_kept(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run_and_write(config, arguments.out, clock, teller))
    except (ChildError, ApiError, TransportError) as error:
        teller.say(error=str(error))
        return 1
    except Exception as error:
        logger.exception("the run failed")
        teller.say(error=f"{type(error).__name__}: {error}")
        return 1
    finally:
        if not config.data_dir:
            shutil.rmtree(arguments.out / "data", ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
