"""When each pod was reported running: the moment at which its status PUT left the kubelet.

A measuring process on the same machine joins these stamps by uid with what it received: its own
watch cannot tell how long a pod took to start from how long the news of it was under way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

PODS_MAX: Final = 200_000
"""Some 250 bytes a pod: 50 MB when all are there."""
COLUMNS: Final = ("uid", "stamp_ns")


class ReportStamps:
    """A stamp (``Clock.stamp_ns``) for each pod, for at most ``pods_max`` of them."""

    def __init__(self, pods_max: int) -> None:
        self._pods_max = pods_max
        self._stamp_ns: dict[str, int] = {}
        self.left_out = 0
        """Reports that were not kept, since as many pods as may be were there already."""

    @property
    def kept(self) -> int:
        """Return how many pods have a stamp."""
        return len(self._stamp_ns)

    def take(self, uid: str, stamp_ns: int) -> None:
        """Keep a pod's stamp; a PUT that is made again, since it was stale, counts alone."""
        if len(self._stamp_ns) < self._pods_max or uid in self._stamp_ns:
            self._stamp_ns[uid] = stamp_ns
        else:
            self.left_out += 1

    def join(self, other: ReportStamps) -> None:
        """Take over what another fleet of the process has kept."""
        self.left_out += other.left_out
        for uid, stamp_ns in other._stamp_ns.items():
            self.take(uid, stamp_ns)

    def write(self, path: Path) -> None:
        """Write them as CSV with the heading ``COLUMNS``, whole or not at all."""
        part = path.with_name(path.name + ".part")
        with part.open("w", encoding="ascii") as file:
            file.write(",".join(COLUMNS) + "\n")
            file.writelines(f"{uid},{stamp_ns}\n" for uid, stamp_ns in self._stamp_ns.items())
        part.replace(path)
