"""Ending in order: SIGTERM as Ctrl-C, so that no scratch file and no process stays behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Have SIGTERM end what is done meanwhile as an interrupt does, by KeyboardInterrupt.

    For the main thread. Where interrupts are ignored (a shell's background jobs), SIGTERM stays as
    it is.
    """
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, None):
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
