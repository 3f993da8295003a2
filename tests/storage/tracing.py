"""What tests do where system calls cannot be followed."""

from __future__ import annotations

import os

import pytest

from tests.storage.durability import strace


def need_strace() -> None:
    """Return where strace works; skip where it does not, fail in CI."""
    reason = strace.missing()
    if not reason:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
