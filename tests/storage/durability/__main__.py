"""The proofs as commands, with any count; each prints what it did and checked."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.storage.durability.journal import ImpossibleError
from tests.storage.durability.kill import KillRounds
from tests.storage.durability.load import CALLERS
from tests.storage.durability.power_loss import PowerLoss
from tests.storage.durability.recording import SESSIONS
from tests.storage.durability.subjects import SUBJECTS


def kill(arguments: argparse.Namespace) -> str:
    """Kill a writer, round after round."""
    with tempfile.TemporaryDirectory(dir=arguments.data_dir) as folder:
        rounds = KillRounds(Path(folder) / "data", arguments.seed, SUBJECTS[arguments.store])
        for _ in range(arguments.rounds):
            rounds.round()
    done = rounds.done
    phases = ", ".join(f"{phase} {count}" for phase, count in sorted(done.phases.items()))
    return (
        f"{done.rounds} rounds ({phases}), {done.acknowledged} writes acknowledged, "
        f"{done.found} in flight had happened, {done.checked} revisions checked, none lost"
    )


def power_loss(arguments: argparse.Namespace) -> str:
    """Record a writer, judge its order, cut the power."""
    with tempfile.TemporaryDirectory(dir=arguments.data_dir) as folder:
        proof = PowerLoss.record(
            Path(folder),
            writes=arguments.writes,
            seed=arguments.seed,
            sync=not arguments.no_sync,
            subject=SUBJECTS[arguments.store],
        )
        covered = proof.acknowledgements_are_covered()
        proof.openings_are_synced()
        done = proof.cut(arguments.cuts, arguments.seed)
    return (
        f"{covered} acknowledgements, each after the sync that covers it; {done.cuts} cuts "
        f"({done.told()}), {done.checked} revisions checked, none lost"
    )


def write(arguments: argparse.Namespace) -> str:
    """Write in several openings, reporting on standard output: what ``power-loss`` records."""
    for session in range(SESSIONS):
        load = SUBJECTS[arguments.store].load(
            arguments.data_dir,
            1,
            f"{arguments.seed}/{session}",
            first_writer=(session + 1) * CALLERS,
            writes=arguments.writes // SESSIONS,
        )
        asyncio.run(load.run(sync=not arguments.no_sync))
    return ""


def main() -> int:
    """Run one command; 1 says that a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.storage.durability", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=SUBJECTS, default="etcd3", help="what is proved")
    parser.add_argument("--data-dir", type=Path, help="where the data directories are made")
    parser.add_argument("--no-sync", action="store_true", help="the proof must fail then")
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("kill", help=kill.__doc__)
    one.add_argument("--rounds", type=int, default=200)
    one.set_defaults(run=kill)
    one = commands.add_parser("power-loss", help=power_loss.__doc__)
    one.add_argument("--cuts", type=int, default=2000)
    one.add_argument("--writes", type=int, default=3000)
    one.set_defaults(run=power_loss)
    one = commands.add_parser("write", help=write.__doc__)
    one.add_argument("--writes", type=int, default=3000)
    one.set_defaults(run=write)
    arguments = parser.parse_args()
    try:
        told = arguments.run(arguments)
    except ImpossibleError as error:
        sys.stdout.write(f"BROKEN (seed {arguments.seed}): {error}\n")
        return 1
    sys.stdout.write(told + "\n" if told else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
