"""Fixtures: a server in this process, and the recordings of a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.apiserver.serving import InProcess, serving

ROOT = Path(__file__).parents[3]


@pytest.fixture
def api() -> Iterator[InProcess]:
    """A fresh server on the memory store."""
    with serving() as running:
        yield running


def golden(name: str) -> Path:
    """Return a folder or file of the recordings; skips where they are absent, fails in CI."""
    for base in (ROOT / "tests" / "golden", ROOT.parent / "shared" / "golden"):
        if (base / name).exists():
            return base / name
    if os.environ.get("CI") == "true":
        pytest.fail(f"the recordings lack {name}")
    pytest.skip(f"../shared/golden/{name} is not there")
