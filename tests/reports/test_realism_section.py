from __future__ import annotations

from reports.realism_model import Realism, RealismRow
from reports.realism_section import realism_section
from tests.reports.markup import PageReader

SHEET = Realism(
    rows=[
        RealismRow("kubelets", "PUT leases", 200.0, None, 200.0, 200.0, "nodes / 10 s"),
        RealismRow("measuring process", "POST pods", 5.0, None, None, None, "its users do"),
    ],
    watches=4001,
    real_watches=36_000,
    absent=["images: none is pulled"],
)


def test_section_sets_ours_beside_real_and_adds_up() -> None:
    text = PageReader(realism_section(SHEET)).text

    for words in ("nodes / 10 s", "all 205 200 - 200", "4,001", "36,000", "images: none is pulled"):
        assert words in text
