"""SIGTERM ends a command as Ctrl-C does, while it lasts."""

from __future__ import annotations

import asyncio
import signal

import pytest

from bench.commands.ending import terminated_like_interrupted


def test_sigterm_is_an_interrupt_while_it_lasts() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), terminated_like_interrupted():
        signal.raise_signal(signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_lets_what_runs_in_a_loop_clean_up() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            cleaned.append("scratch")

    with pytest.raises(KeyboardInterrupt), terminated_like_interrupted():
        asyncio.run(work())

    assert cleaned == ["scratch"]


def test_sigterm_stays_as_it_is_where_interrupts_are_ignored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    interrupts = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with terminated_like_interrupted():
            assert signal.getsignal(signal.SIGTERM) is before
    finally:
        signal.signal(signal.SIGINT, interrupts)
