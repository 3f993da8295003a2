"""Tolerations: which taint they are about, and how long a pod stands a node."""

from __future__ import annotations

import pytest

from cluster.controllers.tolerations import TaintFacts, tolerated_s, tolerates
from serialization.api.core.v1_pb2 import Toleration

TAINT = TaintFacts("k", "v", "NoExecute")
OTHER = TaintFacts("o", "", "NoExecute")


@pytest.mark.parametrize(
    ("toleration", "about"),
    [
        (Toleration(), False),
        (Toleration(operator="Exists"), True),
        (Toleration(operator="Exists", effect="NoSchedule"), False),
        (Toleration(operator="Exists", effect="NoExecute"), True),
        (Toleration(key="k", operator="Exists"), True),
        (Toleration(key="o", operator="Exists"), False),
        (Toleration(key="k", operator="Equal", value="v"), True),
        (Toleration(key="k", value="v"), True),
        (Toleration(key="k", value="w"), False),
        (Toleration(key="k", operator="Strange", value="v"), False),
    ],
)
def test_toleration_is_about_a_taint(toleration: Toleration, about: bool) -> None:
    assert tolerates(toleration, TAINT) is about


@pytest.mark.parametrize(
    ("tolerations", "taints", "seconds"),
    [
        ([], [TAINT], 0.0),
        ([Toleration(operator="Exists")], [TAINT, OTHER], None),
        ([Toleration(key="k", operator="Exists")], [TAINT, OTHER], 0.0),
        ([Toleration(operator="Exists", tolerationSeconds=300)], [TAINT], 300.0),
        ([Toleration(operator="Exists", tolerationSeconds=-5)], [TAINT], 0.0),
        (
            [
                Toleration(key="k", operator="Exists", tolerationSeconds=300),
                Toleration(key="o", operator="Exists", tolerationSeconds=20),
            ],
            [TAINT, OTHER],
            20.0,
        ),
        (
            [
                Toleration(key="k", operator="Exists"),
                Toleration(key="o", operator="Exists", tolerationSeconds=20),
            ],
            [TAINT],
            None,
        ),
    ],
)
def test_pod_stands_taints_as_long_as_its_shortest_toleration(
    tolerations: list[Toleration], taints: list[TaintFacts], seconds: float | None
) -> None:
    assert tolerated_s(tolerations, taints) == seconds
