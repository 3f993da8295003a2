"""The PyPI package ``etcd3``, an independent client, on a served engine."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storage.serve.etcdctl import served_process

SESSION = Path(__file__).with_name("package_session.py")
EXPECTED = {
    "get": ["1", "pkg/a", 1],
    "get none": None,
    "prefix": [["pkg/b", "2"], ["pkg/a", "1"]],
    "range": ["1"],
    "put if absent": [True, False],
    "replace": [True, False],
    "transaction": [True, ["4"]],
    "delete": [True, False],
    "delete prefix": 3,
    "lease": [60, ["pkg/leased"]],
    "revoked": None,
    "watch": ["PutEvent", "pkg/w1", "seen"],
    "lock": True,
    "status": "3.6.0",
    "members": ["default"],
}


def _require_package() -> None:
    if importlib.util.find_spec("etcd3") is None:
        reason = "the package 'etcd3' is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.mark.slow
def test_a_session_of_the_package_goes_as_with_a_real_etcd(tmp_path: Path) -> None:
    _require_package()
    with served_process(tmp_path) as served:
        host, _, port = served.target.rpartition(":")
        done = subprocess.run(
            [sys.executable, str(SESSION), host, port],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"},
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == EXPECTED
