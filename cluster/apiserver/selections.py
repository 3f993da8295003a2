"""Which objects a list or watch is about, read from its path and its selectors."""

from __future__ import annotations

from cluster.apiserver.calls import Call
from cluster.apiserver.errors import bad_request
from storage.watchcache.selection import Selection


def selection_of(call: Call) -> Selection:
    """Return the selection of a collection's call. Raises StatusError for a bad selector."""
    labels = call.query.get("labelSelector", "")
    fields = call.query.get("fieldSelector", "")
    if labels or fields:
        raise bad_request("selectors are not read yet")
    return Selection(call.route.namespace)
