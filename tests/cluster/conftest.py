"""Fixtures of the tests of whole clusters."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture
def program() -> str:
    """kubectl's path; skips where there is none, fails in CI."""
    found = shutil.which("kubectl")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no kubectl")
        pytest.skip("there is no kubectl on this machine")
    return found
