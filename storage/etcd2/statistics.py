"""What the store has counted: ``/v2/stats/store``. Etcd's names, and its way of counting."""

from __future__ import annotations

from typing import Final

COUNTERS: Final = (
    "getsSuccess",
    "getsFail",
    "setsSuccess",
    "setsFail",
    "deleteSuccess",
    "deleteFail",
    "updateSuccess",
    "updateFail",
    "createSuccess",
    "createFail",
    "compareAndSwapSuccess",
    "compareAndSwapFail",
    "compareAndDeleteSuccess",
    "compareAndDeleteFail",
    "expireCount",
)
"""In the order in which etcd writes them; ``watchers`` comes last."""
