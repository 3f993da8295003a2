"""Which view a request is answered with, by its Accept header."""

from __future__ import annotations

from cluster.apiserver.errors import StatusError
from cluster.apiserver.negotiation import Accepted
from cluster.apiserver.views.interface import View
from cluster.apiserver.views.partial import PARTIAL, PARTIAL_LIST, PartialView
from cluster.apiserver.views.plain import PlainView
from cluster.apiserver.views.table import TableView
from storage.clock import Clock
from storage.watchcache.resource import ResourceCache


def choose_view(
    accepted: Accepted, cache: ResourceCache, clock: Clock, include: str, *, of_list: bool
) -> View:
    """Return the view that was asked for; ``include`` is the query's includeObject.

    Raises StatusError: 406 for a list's form of what is no list and the reverse, 400 for an
    ``include`` that is none.
    """
    codec, form, version = accepted
    if not form:
        return PlainView(cache, codec)
    if form == "Table":
        return TableView(cache, codec, clock, version=version, include=include)
    if of_list is not (form == PARTIAL_LIST):
        raise _misfit(form, cache.resource.kind, of_list=of_list)
    return PartialView(cache, codec, version)


def _misfit(form: str, kind: str, *, of_list: bool) -> StatusError:
    what = f"a list (*core.{kind}List)" if of_list else f"not a list (*core.{kind})"
    assert form in {PARTIAL, PARTIAL_LIST}, "negotiation knows no other form"
    return StatusError(
        406, "NotAcceptable", f"you requested {form}, but the requested object is {what}"
    )
