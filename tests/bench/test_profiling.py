from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from bench.profiling import Profilers, top_functions

FOLDED = """\
process 7:"python";main (a.py);serve (a.py);encode (c.py) 60
process 7:"python";main (a.py);serve (a.py) 30
main (a.py);encode (c.py);encode (c.py) 10
torn line
"""


def test_top_functions_tell_own_time_and_time_with_callees() -> None:
    assert top_functions(FOLDED) == [
        "70.0 % self, 70.0 % with callees: encode (c.py)",
        "30.0 % self, 90.0 % with callees: serve (a.py)",
    ]


def test_top_functions_of_nothing_are_none() -> None:
    assert top_functions("") == []


def test_profilers_say_why_there_is_no_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.profiling.find_py_spy", lambda: None)
    profilers = Profilers(tmp_path)

    async def body() -> dict[str, list[str]]:
        await profilers.start({"me": os.getpid()})
        return await profilers.stop()

    assert asyncio.run(body()) == {}
    assert profilers.refused == {"me": "py-spy is not installed"}
