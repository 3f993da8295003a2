"""/healthz, /livez and /readyz, with a line for each check when asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from cluster.apiserver.asgi import Answer

TEXT: Final = b"text/plain; charset=utf-8"
NOT_FOUND: Final = Answer(404, TEXT, b"404 page not found\n")
ROOTS: Final = frozenset(("healthz", "livez", "readyz"))

Check = Callable[[], Awaitable[bool]]


NOTHING: Final[Mapping[str, Check]] = {}


class Health:
    """Named checks; an endpoint is well when all of them are. ``readyz`` has some of its own."""

    def __init__(self, checks: Mapping[str, Check], ready: Mapping[str, Check] = NOTHING) -> None:
        self._checks = checks
        self._ready_checks = {**checks, **ready}

    async def answer(self, path: str, query: Mapping[str, str]) -> Answer:
        """Answer ``/readyz``, ``/readyz/CHECK``, ``/readyz?verbose`` and their like."""
        root, _, name = path.strip("/").partition("/")
        checks = self._ready_checks if root == "readyz" else self._checks
        if name:
            check = checks.get(name)
            if check is None:
                return NOT_FOUND
            return (
                Answer(200, TEXT, b"ok") if await check() else _failed(root, [f"[-]{name} failed"])
            )
        excluded = query.get("exclude", "")
        verdicts = {key: key == excluded or await check() for key, check in checks.items()}
        lines = [
            f"[+]{key} ok" if well else f"[-]{key} failed: reason withheld"
            for key, well in verdicts.items()
        ]
        if not all(verdicts.values()):
            return _failed(root, lines)
        if "verbose" in query:
            text = "\n".join([*lines, f"{root} check passed", ""])
            return Answer(200, TEXT, text.encode())
        return Answer(200, TEXT, b"ok")


def _failed(root: str, lines: list[str]) -> Answer:
    return Answer(500, TEXT, "\n".join([*lines, f"{root} check failed", ""]).encode())
