"""A place that no code is at any more would silently charge its layer with nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import storage
from cluster.processes.layer_places import CLIENT, ETCD, SERVER
from reports.layer_wording import LAYERS

ROOT = Path(storage.__file__).parent.parent
PLACES = sorted({**SERVER, **CLIENT, **ETCD})
OTHERS = ("uvicorn/", "grpc/")
"""Packages that are not ours."""


@pytest.mark.parametrize("place", [each for each in PLACES if not each.startswith(OTHERS)])
def test_a_place_is_somewhere(place: str) -> None:
    path, _, _function = place.partition(":")
    found = ROOT / path

    assert found.is_dir() if path.endswith("/") else found.is_file()


@pytest.mark.parametrize("place", [each for each in PLACES if ":" in each and "codec" not in each])
def test_a_function_that_is_a_place_is_in_its_file(place: str) -> None:
    path, _, function = place.partition(":")
    found = ROOT / path
    if path.startswith("uvicorn/"):
        spec = importlib.util.find_spec("uvicorn")
        assert spec is not None
        assert spec.origin is not None
        found = Path(spec.origin).parent.parent / path

    assert f"def {function}(" in found.read_text(encoding="utf-8")


def test_every_layer_has_words() -> None:
    assert {*SERVER.values(), *CLIENT.values(), *ETCD.values(), "threads"} - {""} <= set(LAYERS)
