"""What all tests share: how properties are searched, and what interpreters that tests start find.

No property has a deadline, since the machine may be busy, and each searches the same examples in
every run: a test tells what has changed, not what chance has found. ``--hypothesis-profile=search``
draws other examples each time, for whoever looks for faults.
"""

from __future__ import annotations

import gc
import os
import shutil
import tempfile

import pytest
from hypothesis import settings

settings.register_profile("search", deadline=None)
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.load_profile("fixed")

PREFIX = "PYTHONPYCACHEPREFIX"
NOT_WRITTEN = "PYTHONDONTWRITEBYTECODE"

compiled = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Where no bytecode may be written, write it outside of the tree, until the session ends.

    Tests start some hundreds of interpreters, and each would compile all that it imports: in
    tests of whole runs that is a quarter of the CPU time. Workers of a session find it, too.
    """
    if os.environ.get(NOT_WRITTEN) and PREFIX not in os.environ:
        config.stash[compiled] = tempfile.mkdtemp(prefix="kubedyno-bytecode-")
        os.environ[PREFIX] = config.stash[compiled]
        del os.environ[NOT_WRITTEN]


def pytest_unconfigure(config: pytest.Config) -> None:
    if directory := config.stash.get(compiled, ""):
        del os.environ[PREFIX]
        os.environ[NOT_WRITTEN] = "1"
        shutil.rmtree(directory, ignore_errors=True)


def pytest_collection_finish() -> None:
    """Spare the collector what stays anyway: the modules and thousands of tests, half a gigabyte.

    Tests that count circles collect all generations, each time over all that the session holds.
    """
    gc.collect()
    gc.freeze()
