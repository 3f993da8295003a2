"""The section of a run's page on its history: what was recorded, what was checked, what broke."""

from __future__ import annotations

from typing import Final

from reports.history_model import History
from reports.html import Markup, bullets, element, join, table

SUBJECTS: Final = {
    "cache-final": "an informer's cache at the end is the truth of its revision",
    "cache-listed": "what was listed is the truth of its revision",
    "change-has-writer": "every change has a writer who recorded it",
    "files-whole": "every process wrote its history to the end",
    "list-in-time": "a list knows all that was acknowledged before it",
    "lost-update": "no two writes on the same state were both acknowledged",
    "read-absent": "what was not found was not there",
    "read-after-write": "no read is older than a write acknowledged before it",
    "read-in-time": "what was read was the newest state at some moment of the call",
    "store-final": "the store holds what the changes add up to",
    "truth-agreed": "every API server was told the same changes",
    "truth-chained": "every change follows the state before it",
    "truth-contiguous": "no revision is missing or told twice",
    "watch-after-commit": "no event came before it was applied",
    "watch-bookmark": "a bookmark came after all that it promises",
    "watch-complete": "nothing was missing at the end",
    "watch-gap-free": "no change between two events was left out",
    "watch-ordered": "revisions of a watch never go back",
    "watch-resumed": "a watch goes on where the last one ended",
    "watch-told-truth": "every event is a change that its watch selects",
    "watch-typed": "events say rightly what entered, stayed in or left the selection",
    "watch-unique": "no event came twice",
    "watchcache-final": "the watch cache holds what the changes add up to",
    "write-in-time": "a write was applied between its call and its return",
    "write-precondition": "a write followed the state that it was made for",
    "write-real-time": "what was answered first has the lower revision",
    "write-refusal": "a refused precondition was not met",
    "write-stored": "an acknowledged write is a change of its key",
    "write-unique": "no two writes were answered the same change",
}
"""By rule of the checker, what it promises."""


def history_section(history: History) -> Markup:
    """Return the tables of a history that was kept."""
    if history.error:
        return element("p", f"It was kept, but could not be checked: {history.error}")
    rows = (
        (
            SUBJECTS.get(rule, rule),
            f"{history.checked.get(rule, 0):,}",
            f"{history.violations.get(rule, 0):,}",
        )
        for rule in sorted({**history.checked, **history.violations})
    )
    found = [
        f"{rule}: {example}" for rule, examples in history.examples.items() for example in examples
    ]
    kinds = sorted({kind for counted in history.entries.values() for kind in counted})
    processes = sorted(history.entries)
    recorded = (
        (kind.replace("_", " "), *(f"{history.entries[p].get(kind, 0):,}" for p in processes))
        for kind in kinds
    )
    cost = (
        f"Keeping it took all processes together about {history.overhead_s:.1f} s of CPU, "
        f"checking it {history.checked_s:.1f} s and {history.checked_mib:,.0f} MiB. Watches were "
        f"judged {history.delivery}."
    )
    return join(
        (
            element("h3", "What was checked"),
            table(("what is promised", "checked", "broken"), rows, labels=1),
            bullets(found) if found else join(()),
            element("h3", "What was recorded"),
            table(("records", *processes), recorded, labels=1),
            bullets([f"{what}: {count:,}" for what, count in history.counts.items()])
            if history.counts
            else join(()),
            element("p", cost),
        )
    )
