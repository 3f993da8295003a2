"""How numbers and things are written, in figures and pages alike."""

from __future__ import annotations

from typing import Final

NOT_MEASURED: Final = "not measured"

PROCESS_TITLES: Final = {
    "apiserver": "API server",
    "control": "controllers + scheduler",
    "nodes": "hollow nodes",
    "measuring": "measuring process",
}


def family(name: str) -> str:
    """Return what sort of process it is: ``apiserver-2`` is an ``apiserver``."""
    sort, dash, number = name.rpartition("-")
    return sort if dash and number.isdecimal() else name


def process_title(name: str) -> str:
    """Return the name of a process as people read it."""
    sort = family(name)
    return PROCESS_TITLES.get(sort, sort) + name[len(sort) :].replace("-", " ")


def plain(value: float) -> str:
    """Write a number with three significant digits, never in powers of ten: 0.123, 12.3, 1,230."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3g}" if size >= 0.001 else ("0" if value == 0 else f"{value:.1e}")


def whole(value: float) -> str:
    """Write a count, which is whole; what is not whole is written as any number."""
    return f"{value:,.0f}" if float(value).is_integer() else plain(value)


def duration_ms(value: float) -> str:
    """Write a time given in milliseconds in the unit in which it reads best."""
    if abs(value) >= 60_000:
        return f"{plain(value / 60_000)} min"
    if abs(value) >= 1000:
        return f"{plain(value / 1000)} s"
    if value == 0 or abs(value) >= 0.1:
        return f"{plain(value)} ms"
    return f"{plain(value * 1000)} µs"


def round_ms(value: float) -> str:
    """Write a round time, such as a target or a tick: 5 s, not 5.00 s."""
    number, _, unit = duration_ms(value).partition(" ")
    return f"{float(number.replace(',', '')):g} {unit}"


def size(value: float) -> str:
    """Write a number of bytes."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024 or unit == "GiB":
            return f"{plain(value)} {unit}"
        value /= 1024
    raise AssertionError


def with_unit(value: float | None, unit: str) -> str:
    """Write a value with its unit, or that it was not measured."""
    if value is None:
        return NOT_MEASURED
    if unit == "ms":
        return duration_ms(value)
    return f"{plain(value)} {unit}".strip()


def counted(number: int, noun: str) -> str:
    """Write a number of things: ``1 round``, ``1,000 pods``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
