"""The section on the history: what was checked, what broke, and why nothing was checked."""

from __future__ import annotations

from bench.history.report import HistoryReport
from reports.history_model import History
from reports.history_section import SUBJECTS, history_section


def test_the_section_tells_what_was_checked_and_what_broke() -> None:
    history = History(
        entries={"nodes": {"write": 1234}},
        checked={"watch-unique": 5678},
        violations={"watch-unique": 2},
        examples={"watch-unique": ["ADDED /registry/pods/a/<x> came twice"]},
        counts={"made by the server itself: Events that expired": 3},
    )

    page = str(history_section(history))

    for said in ("1,234", "5,678", SUBJECTS["watch-unique"], "&lt;x&gt; came twice", "expired: 3"):
        assert said in page


def test_a_history_that_could_not_be_checked_says_why() -> None:
    assert "no history" in str(history_section(History(error="no history")))


def test_the_section_reads_all_that_the_checker_writes() -> None:
    assert set(HistoryReport.__slots__) == set(History.__slots__)
