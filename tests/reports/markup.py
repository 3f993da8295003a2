"""What the tests ask of a page: that its tags balance, and that it needs nothing but itself."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final

VOID_TAGS: Final = frozenset({"meta", "img", "br", "hr", "link", "input"})
LOADING: Final = frozenset({"src", "href", "srcset", "data", "action", "poster"})


class PageReader(HTMLParser):
    """Reads a page; ``problems`` names what is wrong, ``words`` is all that a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.problems: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        self.problems += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID_TAGS:
            self.open.append(tag)
        for name, value in attrs:
            if name in LOADING and not (value or "").startswith("data:"):
                self.problems.append(f"<{tag} {name}={value!r}> loads something")
            if name.startswith("on"):
                self.problems.append(f"<{tag} {name}> runs something")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
