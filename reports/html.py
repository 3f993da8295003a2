"""Pieces of a page. Every text passes through ``escape`` here, so a name can never be markup."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Final, NamedTuple

from reports.model import Verdict
from reports.wording import NOT_MEASURED

_VERDICTS: Final = {
    "valid": "The numbers stand.",
    "degraded": "The numbers stand, with these reservations.",
    "void": "The numbers below say nothing: do not quote them.",
}


class Markup(str):
    """Text that is markup already; only this module makes it."""

    __slots__ = ()


class Tile(NamedTuple):
    """A headline number: what, how much, and what it is held against (``met`` None: nothing)."""

    title: str
    value: str
    note: str = ""
    met: bool | None = None


def text(value: str) -> Markup:
    """Return text as markup."""
    return value if isinstance(value, Markup) else Markup(escape(value))


def element(tag: str, *children: str, style: str = "") -> Markup:
    """Return an element; ``style`` is its class. Children that are not markup are escaped."""
    attribute = f' class="{escape(style)}"' if style else ""
    return Markup(f"<{tag}{attribute}>{''.join(map(text, children))}</{tag}>")


def section(title: str, *children: str) -> Markup:
    """Return a section under a heading."""
    return element("section", element("h2", title), *children)


def join(parts: Iterable[str]) -> Markup:
    """Return parts one after the other, a line each."""
    return Markup("\n".join(map(text, parts)))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, labels: int = 1) -> Markup:
    """Return a table whose first ``labels`` columns are names and whose others are numbers."""

    def cells(row: Sequence[str], tag: str) -> Markup:
        return element(
            "tr",
            *(
                element(tag, value, style="" if at < labels else "number")
                for at, value in enumerate(row)
            ),
        )

    body = [cells(row, "td") for row in rows]
    if not body:
        return missing()
    drawn = element("table", element("thead", cells(head, "th")), element("tbody", *body))
    return element("div", drawn, style="wide")


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Return a list of names and values."""
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value or "not recorded"))
            for name, value in pairs
        ),
    )


def bullets(items: Iterable[str]) -> Markup:
    """Return a list."""
    return element("ul", *(element("li", item) for item in items))


def missing(how: str = "") -> Markup:
    """Return what stands where nothing was measured, and how it could be."""
    return element("p", f"{NOT_MEASURED}{': ' if how else '.'}{how}", style="missing")


def tiles(found: Iterable[Tile]) -> Markup:
    """Return the headline numbers."""
    marks = {True: "met", False: "missed", None: ""}
    return element(
        "div",
        *(
            element(
                "div",
                element("div", tile.title, style="title"),
                element("div", tile.value, style="value"),
                element("div", tile.note, style="note"),
                style=f"tile {marks[tile.met]}".strip(),
            )
            for tile in found
        ),
        style="tiles",
    )


def banner(verdict: Verdict) -> Markup:
    """Return the verdict with its reasons; a verdict that nobody gave is called that."""
    known = verdict.status in _VERDICTS
    status = verdict.status or "no verdict"
    says = _VERDICTS.get(verdict.status, "Nobody judged what the numbers are worth.")
    parts = [element("strong", status.upper()), element("span", f" {says}")]
    if verdict.reasons:
        parts.append(bullets(verdict.reasons))
    return element("div", *parts, style=f"banner {verdict.status if known else 'unjudged'}")


def picture(svg: bytes, title: str, caption: str) -> Markup:
    """Return a figure that is part of the page, with its caption."""
    source = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
    image = Markup(f'<img alt="{escape(title)}" src="{source}">')
    return element("figure", image, element("figcaption", caption))


def page(title: str, subtitle: str, body: Iterable[str]) -> str:
    """Return a whole page that needs nothing beside itself."""
    template = Template(files("reports").joinpath("page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=text(title), subtitle=text(subtitle), body=join(part for part in body if part)
    )
