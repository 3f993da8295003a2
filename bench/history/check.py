"""``python -m bench.history.check DIR``: judge the history that a run has left in ``DIR/history``.

Writes ``DIR/audit/history.json`` (``HistoryReport``) and says in lines what it found. Exit codes:
0 nothing is wrong, 1 something is, 2 there is nothing to judge.
"""

from __future__ import annotations

import argparse
import resource
import sys
from dataclasses import replace
from pathlib import Path

from bench.history.judge import judge_directory
from bench.history.reader import UnreadableHistoryError
from bench.history.report import REPORT_FILE, HistoryReport
from bench.results import write_json
from cluster.client.history_format import DIRECTORY
from storage.clock import SystemClock


def main(argv: list[str] | None = None) -> int:
    """Judge as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="bench.history.check", description=__doc__)
    parser.add_argument("results", type=Path, metavar="DIR")
    parser.add_argument(
        "--foreign",
        action="store_true",
        help="others than the processes of the run may have written, too",
    )
    parser.add_argument(
        "--others",
        action="store_true",
        help="the store has revisions of which no API server is told",
    )
    parser.add_argument(
        "--shared-revisions",
        action="store_true",
        help="writes may share a revision: watches are judged at least once, not exactly once",
    )
    arguments = parser.parse_args(argv)
    clock = SystemClock()
    begin_ns = clock.stamp_ns()
    try:
        report = judge_directory(
            arguments.results / DIRECTORY,
            foreign=arguments.foreign,
            others=arguments.others,
            shared=arguments.shared_revisions,
        )
    except (UnreadableHistoryError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report = replace(
        report,
        checked_s=(clock.stamp_ns() - begin_ns) / 1e9,
        checked_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
    target = arguments.results / "audit" / REPORT_FILE
    target.parent.mkdir(exist_ok=True)
    write_json(target, report)
    for line in _lines(report):
        sys.stdout.write(f"{line}\n")
    return 1 if report.broken else 0


def _lines(report: HistoryReport) -> list[str]:
    said = [
        f"{report.records:,} records, {report.assertions:,} assertions, {report.broken:,} broken "
        f"({report.checked_s:.1f} s, {report.checked_mib:,.0f} MiB), watches {report.delivery}"
    ]
    said += [f"  {rule}: {count:,} checked" for rule, count in report.checked.items()]
    said += [f"  {what}: {count:,}" for what, count in report.counts.items()]
    for rule, count in report.violations.items():
        said.append(f"  {rule}: {count:,} BROKEN")
        said += [f"    {example}" for example in report.examples.get(rule, ())]
    return said


if __name__ == "__main__":
    sys.exit(main())
