"""The virtual loop and clock, by the name that the older tests know: see storage.virtual_time."""

from __future__ import annotations

from storage.virtual_time import EPOCH, VirtualClock, VirtualTimeLoop, run_virtual

__all__ = ["EPOCH", "VirtualClock", "VirtualTimeLoop", "run_virtual"]
