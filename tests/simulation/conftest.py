"""``pytest tests/simulation --seed N`` runs one seed of one's own; a failing test's id names it."""

from __future__ import annotations

import pytest

from tests.simulation.story import Told, tell_alone

SEEDS = (1,)
HISTORIES = 12


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="the only seed of the simulations")
    parser.addoption("--histories", type=int, default=HISTORIES, help="how many random histories")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "history" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--seed", default=None)
        count = metafunc.config.getoption("--histories", default=HISTORIES)
        histories = range(count) if chosen is None else (chosen,)
        metafunc.parametrize("history", histories, ids=[f"seed-{seed}" for seed in histories])
    if "seed" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--seed", default=None)
        seeds = SEEDS if chosen is None else (chosen,)
        metafunc.parametrize("seed", seeds, ids=[f"seed-{seed}" for seed in seeds], scope="module")


@pytest.fixture(scope="module")
def told(seed: int) -> Told:
    """The story as the seed tells it, alone, in protobuf, on the memory store."""
    return tell_alone(seed)
