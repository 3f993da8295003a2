"""Which resources a server serves, of those that the scheme knows: by its discovery documents.

A resource that is added to the server joins by itself whatever works on all of them (the garbage
collector, the namespace controller); one that only the server knows is passed over.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import msgspec

from cluster.client.interface import ApiClient, ApiError
from serialization.kinds import SCHEME
from serialization.scheme import Resource, UnknownKindError

logger = logging.getLogger(__name__)


class Served(NamedTuple):
    """A resource, and what may be done with it, in discovery's words."""

    resource: Resource
    verbs: frozenset[str]


class Discovered(NamedTuple):
    """What a server serves."""

    resources: tuple[Served, ...]
    """In the order of the documents."""
    failed: tuple[str, ...]
    """Group versions that did not answer: their resources may exist all the same."""


class _Resource(msgspec.Struct):
    name: str
    kind: str
    verbs: list[str]


class _ResourceList(msgspec.Struct):
    resources: list[_Resource]


class _Version(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct):
    name: str
    versions: list[_Version]


class _GroupList(msgspec.Struct):
    groups: list[_Group]


_resource_list = msgspec.json.Decoder(_ResourceList).decode
_group_list = msgspec.json.Decoder(_GroupList).decode


async def discover(client: ApiClient) -> Discovered:
    """Read the discovery documents. Raises ApiError, TransportError, msgspec's ValidationError.

    A group version whose page is answered with an error is told in ``failed``; the list of groups
    must be there.
    """
    versions = ["v1"]
    for group in _group_list(await client.document("/apis")).groups:
        versions += [version.group_version for version in group.versions]
    resources: list[Served] = []
    failed: list[str] = []
    for version in versions:
        try:
            page = await client.document(f"/{'apis' if '/' in version else 'api'}/{version}")
        except ApiError as error:
            logger.warning("discovery of %s failed: %s", version, error)
            failed.append(version)
            continue
        resources += _known(version, _resource_list(page))
    return Discovered(tuple(resources), tuple(failed))


def _known(version: str, page: _ResourceList) -> list[Served]:
    group, _, short = version.rpartition("/")
    found = []
    for each in page.resources:
        if "/" in each.name:  # a subresource
            continue
        try:
            resource = SCHEME.by_plural(group, short, each.name)
        except UnknownKindError:
            continue
        found.append(Served(resource, frozenset(each.verbs)))
    return found
