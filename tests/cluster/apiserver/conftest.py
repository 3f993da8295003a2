"""Fixtures: a server in this process, and the recordings of a real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.apiserver.serving import InProcess, serving

ROOT = Path(__file__).parents[3]


REQUESTS = 1500


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=REQUESTS, help="how many random requests")
    parser.addoption("--requests-seed", type=int, default=1, help="and which ones")


@pytest.fixture
def requests(request: pytest.FixtureRequest) -> int:
    """How many random requests are sent."""
    return int(request.config.getoption("--requests", default=REQUESTS))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Which random requests are sent."""
    return int(request.config.getoption("--requests-seed", default=1))


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
