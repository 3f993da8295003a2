"""What a figure is: a name, what it is drawn of, and one function that draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from matplotlib.figure import Figure

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that was drawn, and the sentences below it: what is seen, how it was measured."""

    figure: Figure
    caption: str


@dataclass(frozen=True, slots=True)
class FigureKind(Generic[Subject]):
    """An entry of the registry. ``subject`` is a run, a matrix or a codec table."""

    name: str
    """Its file's name: ``figures/<name>.svg``."""
    title: str
    subject: type[Subject]
    draw: Callable[[Subject], Drawing | None]
    """Returns None where the subject holds nothing to draw: the report then says not measured."""
