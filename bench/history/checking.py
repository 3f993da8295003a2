"""Having a run's history judged: by a process of its own, after the plane has ended."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from bench.history.report import REPORT_FILE, HistoryReport
from bench.results import UnreadableResultsError, read_json

CHECK_S_MAX: Final = 600.0
ENTRY_US: Final = {"write": 3.0, "read": 3.0, "event": 1.2, "change": 1.0}
"""What an entry costs, about: ``python -m tests.cluster.client.measure_history``."""
OTHER_US: Final = 1.0


async def check_history(
    directory: Path, *, foreign: bool, others: bool = False, shared: bool = False
) -> HistoryReport:
    """Judge the history below a results directory; ``error`` says where that was not possible."""
    target = directory / "audit" / REPORT_FILE
    target.unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.history.check", str(directory)),
        *(("--foreign",) if foreign else ()),
        *(("--others",) if others else ()),
        *(("--shared-revisions",) if shared else ()),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    said = b""
    try:
        async with asyncio.timeout(CHECK_S_MAX):
            _, said = await process.communicate()
    except TimeoutError:
        said = f"not done after {CHECK_S_MAX:g} s".encode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        report = read_json(target, HistoryReport)
    except (UnreadableResultsError, msgspec.ValidationError) as error:
        why = said.decode(errors="replace").strip()[-1000:]
        return HistoryReport(error=why or str(error))
    return replace(report, overhead_s=_overhead_s(report))


def _overhead_s(report: HistoryReport) -> float:
    kinds = [each for counted in report.entries.values() for each in counted.items()]
    return sum(count * ENTRY_US.get(kind, OTHER_US) for kind, count in kinds) / 1e6
