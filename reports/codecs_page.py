"""The page of a codec table alone."""

from __future__ import annotations

from pathlib import Path

from reports.codec_table import claim_rows, codec_tables
from reports.comparing import CodecResults
from reports.environment_facts import environment_facts
from reports.figures.registry import CODEC_FIGURES
from reports.files import draw_figures
from reports.html import element, page, section, table


def codecs_page(directory: Path, results: CodecResults) -> str:
    """Draw the codecs' figure and return their page."""
    return page(
        "Codecs alone: what encoding and decoding cost",
        results.started,
        (
            draw_figures(directory, CODEC_FIGURES, results),
            section(
                "What the slides claim, and what was measured here",
                table(("what", "claimed", "measured"), claim_rows(results)),
            ),
            section("Every measurement", codec_tables(results)),
            section("On what", environment_facts(results.environment)),
            section(
                "How to reproduce it",
                element("pre", "kubedyno micro --suite codecs --out DIR"),
            ),
        ),
    )
