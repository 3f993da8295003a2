"""The stages of a pod's way in words and colours: the figure and the tables say the same."""

from __future__ import annotations

from typing import Final, NamedTuple


class StageWords(NamedTuple):
    """How a stage is shown."""

    title: str
    what: str
    colour: str


WRITE: Final = "#332288"
TELL: Final = "#88a9d8"
WORK: Final = "#ddaa33"
START: Final = "#44aa99"

WORDS: Final = {
    "create": StageWords("create", "create sent → applied by the store", WRITE),
    "to-scheduler": StageWords("told", "→ its event is read by the scheduler", TELL),
    "create-to-scheduler": StageWords("create", "create sent → read by the scheduler", WRITE),
    "schedule": StageWords("scheduling", "→ waits, is decided, binding sent", WORK),
    "bind": StageWords("bind", "→ applied by the store", WRITE),
    "to-kubelet": StageWords("told", "→ its event is read by the kubelet", TELL),
    "bind-to-kubelet": StageWords("bind", "binding sent → read by the kubelet", WRITE),
    "start": StageWords("kubelet", "→ GET of the pod, started, status Running sent", START),
    "report": StageWords("status", "→ applied by the store", WRITE),
    "to-watch": StageWords("told", "→ Running is read by the measuring watch", TELL),
    "report-to-watch": StageWords("status", "status sent → read by the measuring watch", WRITE),
}
KEY: Final = (
    ("written and applied", WRITE),
    ("told by a watch", TELL),
    ("scheduling", WORK),
    ("kubelet", START),
)
UNKNOWN: Final = "#999999"


def words_of(stage: str) -> StageWords:
    """Return how a stage is shown; one that is not known is shown by its own name."""
    return WORDS.get(stage, StageWords(stage, stage, UNKNOWN))
