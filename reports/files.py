"""Writing files whole or not at all, and drawing a subject's figures into a directory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reports.figures.canvas import house_style, png, svg
from reports.figures.kind import FigureKind, Subject
from reports.html import Markup, element, join, missing, picture


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that a reader never sees a part of it; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
    return path


def draw_figures(directory: Path, kinds: Sequence[FigureKind[Subject]], subject: Subject) -> Markup:
    """Draw figures of a subject into ``figures/`` (PNG and SVG); return them for its page.

    A figure that has nothing to show is named with the words *not measured*, and its files of an
    earlier report are removed.
    """
    return join(_draw(directory / "figures", kind, subject) for kind in kinds)


def draw_vector(
    directory: Path, kind: FigureKind[Subject], subject: Subject
) -> Iterator[tuple[Path, str]]:
    """Draw a figure of a subject as SVG; yield its path and caption, or nothing to show."""
    with house_style():
        drawing = kind.draw(subject)
        if drawing is not None:
            vector = svg(drawing.figure)
            yield write_whole(directory / f"{kind.name}.svg", vector), drawing.caption


def _draw(directory: Path, kind: FigureKind[Subject], subject: Subject) -> Markup:
    files = {ending: directory / f"{kind.name}.{ending}" for ending in ("png", "svg")}
    with house_style():
        drawing = kind.draw(subject)
        if drawing is None:
            for path in files.values():
                path.unlink(missing_ok=True)
            return element("figure", element("h3", kind.title), missing())
        write_whole(files["png"], png(drawing.figure))
        vector = svg(drawing.figure)
    write_whole(files["svg"], vector)
    return picture(vector, kind.title, drawing.caption)
