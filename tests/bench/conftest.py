"""What tests of real runs share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out a run's report: its figures take longer than a small run, and others draw them."""

    def left_out(directory: Path) -> Path:
        return directory

    monkeypatch.setattr("bench.commands.run.draw", left_out)
