"""Coroutine tests run on a loop of their own; the fixtures make each registered store in turn."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.interface import Store
from storage.registry import STORES, StoreEntry, StoreOptions

Make = Callable[[], Store]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(params=sorted(STORES))
def entry(request: pytest.FixtureRequest) -> StoreEntry:
    return STORES[request.param]


@pytest.fixture
def make(entry: StoreEntry, tmp_path: Path) -> Make:
    """Make the store anew, each time on the same directory."""
    return lambda: entry.make(StoreOptions(data_dir=tmp_path / "data"))
