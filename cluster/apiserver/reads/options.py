"""ListOptions: what the query of a list or watch asks for, checked as Kubernetes checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from cluster.apiserver.errors import (
    FieldProblem,
    bad_request,
    forbidden_field,
    invalid_object,
    unreasoned,
    unsupported,
)
from cluster.apiserver.numbers import int64, uint64
from cluster.apiserver.reads.tokens import ContinueToken, decode_token

EXACT: Final = "Exact"
NOT_OLDER_THAN: Final = "NotOlderThan"
MATCHES: Final = (EXACT, NOT_OLDER_THAN, "")
_MATCH: Final = "resourceVersionMatch"


TIMEOUT_S_MAX: Final = 365 * 24 * 3600
"""A watch that asks for more than a year gets a year: timers do not reach as far as numbers."""


class ListOptions(NamedTuple):
    """A list's options."""

    revision: int | None = None
    """None: not given, so the newest; 0: any."""
    exact: bool = False
    """The state at ``revision`` itself, not at or after it."""
    limit: int = 0
    """0: no limit."""
    token: ContinueToken | None = None
    paged: bool = False
    """It is ``exact`` only since a ``limit`` was given."""

    def in_one(self) -> ListOptions:
        """Return them without the limit, and what came of it: for a store without old states.

        Kubernetes knew no limit when it stored in etcd 2, and whoever pages takes a whole answer
        for a page with none after it.
        """
        return self._replace(limit=0, exact=self.exact and not self.paged)


class WatchOptions(NamedTuple):
    """A watch's options."""

    revision: int | None = None
    """None: not given; 0: any. Otherwise changes after it are told."""
    initial_events: bool | None = None
    """``sendInitialEvents``; None: as the revision implies."""
    bookmarks: bool = False
    timeout_s: float | None = None

    @property
    def tells_state(self) -> bool:
        """True when the objects that are there are told first, as ADDED."""
        if self.initial_events is not None:
            return self.initial_events
        return not self.revision

    @property
    def ends_state(self) -> bool:
        """True when a bookmark tells that all of those have been told.

        Also without being asked for, where no revision was given and bookmarks are allowed.
        """
        return self.bookmarks and (bool(self.initial_events) or self._legacy)

    @property
    def _legacy(self) -> bool:
        return self.initial_events is None and self.revision is None


def flag(query: Mapping[str, str], name: str) -> bool:
    """Return a boolean of the query: set and neither ``0`` nor ``false``."""
    return query.get(name, "0") not in {"0", "false", "False"}


def parse_revision(text: str) -> int:
    """Return a resourceVersion's revision. Raises ValueError with the words Kubernetes has."""
    try:
        return uint64(text)
    except ValueError as error:
        raise ValueError(f'resourceVersion: Invalid value: "{text}": {error}') from None


def list_options(query: Mapping[str, str]) -> ListOptions:
    """Read a list's options. Raises StatusError."""
    version, match = query.get("resourceVersion", ""), query.get(_MATCH, "")
    limit, text = max(_integer(query, "limit") or 0, 0), query.get("continue", "")
    _refuse(_list_problems(version, match, text, initial="sendInitialEvents" in query))
    try:
        revision = parse_revision(version) if version else None
    except ValueError as error:
        raise bad_request(f"invalid resource version: {error}") from None
    if text:
        if revision:
            raise bad_request("specifying resource version is not allowed when using continue")
        rest_at_once = revision == 0
        return ListOptions(token=decode_token(text), limit=0 if rest_at_once else limit)
    if revision == 0 and match != EXACT:
        limit = 0  # any state will do, so all of it at once: as Kubernetes answers from its cache
    paged = bool(revision and limit and not match)
    return ListOptions(revision, match == EXACT or paged, limit, paged=paged)


def watch_options(query: Mapping[str, str]) -> WatchOptions:
    """Read a watch's options. Raises StatusError."""
    version, match = query.get("resourceVersion", ""), query.get(_MATCH, "")
    given = "sendInitialEvents" in query
    _refuse(_watch_problems(match, initial=given))
    try:
        revision = parse_revision(version) if version else None
    except ValueError as error:
        raise unreasoned(str(error)) from None
    seconds = _integer(query, "timeoutSeconds")
    return WatchOptions(
        revision,
        flag(query, "sendInitialEvents") if given else None,
        flag(query, "allowWatchBookmarks"),
        float(min(seconds, TIMEOUT_S_MAX)) if seconds is not None and seconds > 0 else None,
    )


def _list_problems(version: str, match: str, token: str, *, initial: bool) -> list[FieldProblem]:
    problems = []
    if match:
        if token:
            why = f"{_MATCH} is forbidden when continue is provided"
            problems.append(forbidden_field(_MATCH, why))
        elif not version:
            why = f"{_MATCH} is forbidden unless resourceVersion is provided"
            problems.append(forbidden_field(_MATCH, why))
        elif match not in MATCHES:
            problems.append(unsupported(_MATCH, match, MATCHES))
        elif match == EXACT and version == "0":
            why = f'{_MATCH} "exact" is forbidden for resourceVersion "0"'
            problems.append(forbidden_field(_MATCH, why))
    if initial:
        why = "sendInitialEvents is forbidden for list"
        problems.append(forbidden_field("sendInitialEvents", why))
    return problems


def _watch_problems(match: str, *, initial: bool) -> list[FieldProblem]:
    problems = []
    if match and not initial:
        why = f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"
        problems.append(forbidden_field(_MATCH, why))
    if initial and not match:
        why = f"sendInitialEvents requires setting {_MATCH} to {NOT_OLDER_THAN}"
        problems.append(forbidden_field(_MATCH, why))
    elif match and match != NOT_OLDER_THAN:
        problems.append(unsupported(_MATCH, match, (NOT_OLDER_THAN,)))
    return problems


def _refuse(problems: list[FieldProblem]) -> None:
    if problems:
        raise invalid_object("ListOptions", "", problems, group="meta.k8s.io")


def _integer(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        return int64(text)
    except ValueError as error:
        raise bad_request(str(error)) from None
