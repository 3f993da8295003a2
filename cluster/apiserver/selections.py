"""Which objects a list or watch is about, read from its path and its selectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cluster.apiserver.calls import Call
from cluster.apiserver.errors import bad_request
from storage.watchcache.selection import Selection


class Terms(NamedTuple):
    """``a=b,c!=d``: what must be equal, and what must not."""

    equal: tuple[tuple[str, str], ...]
    unequal: tuple[tuple[str, str], ...]

    def matches(self, values: Mapping[str, str]) -> bool:
        """Tell whether every term holds."""
        return all(values.get(key, "") == value for key, value in self.equal) and not any(
            values.get(key) == value for key, value in self.unequal
        )

    def exact(self, field: str) -> str | None:
        """Return the only value that ``field`` may have, or None."""
        return next((value for key, value in self.equal if key == field), None)


def _terms(text: str) -> Terms:
    equal, unequal = [], []
    for term in text.split(","):
        key, sign, value = term.partition("!=")
        if sign:
            unequal.append((key, value))
            continue
        key, sign, value = term.partition("=")
        if not sign or "(" in term:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        equal.append((key, value.removeprefix("=")))
    return Terms(tuple(equal), tuple(unequal))


def selection_of(call: Call) -> Selection:
    """Return the selection of a collection's call. Raises StatusError for a bad selector."""
    labels = call.query.get("labelSelector", "")
    fields = call.query.get("fieldSelector", "")
    if not labels and not fields:
        return Selection(call.route.namespace)
    return Selection(
        call.route.namespace,
        labels,
        fields,
        _terms(labels) if labels else None,
        _terms(fields) if fields else None,
    )
