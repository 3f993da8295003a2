"""The scheme: group/version/kind, resource, message and storage key, for every kind that is known.

One line in ``serialization/kinds.py`` adds a kind. Keys are Kubernetes' own, so that a real
kube-apiserver on the same etcd finds the same objects (``/registry/minions/<name>`` for nodes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from google.protobuf.message import Message

from serialization.api.meta.v1_pb2 import ListMeta, ObjectMeta


class Object(Protocol):
    """What every API object has; the generated messages satisfy it, and are Messages as well."""

    @property
    def metadata(self) -> ObjectMeta:
        """Name, namespace, uid, labels and the rest."""
        ...


class ObjectList(Protocol):
    """What every list message has."""

    @property
    def metadata(self) -> ListMeta:
        """The revision of the list, and where it goes on."""
        ...


class UnknownKindError(LookupError):
    """No such kind or resource in the scheme."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind: its names on every seam, and its message. Identity is (group, version, kind)."""

    group: str
    """Empty for the core group."""
    version: str
    kind: str
    plural: str
    message: type[Message]
    list_message: type[Message] | None
    """None for kinds that are only posted (Binding)."""
    stored_as: str
    """The key's segment below /registry: ``pods``, ``minions``, ``services/specs``."""
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """Return ``v1`` or ``group/version``, as objects carry it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def singular(self) -> str:
        """Return the lower-case singular name that discovery lists."""
        return self.kind.lower()

    @property
    def list_kind(self) -> str:
        """Return the kind of its lists."""
        return f"{self.kind}List"

    @property
    def group_resource(self) -> str:
        """Return ``pods`` or ``leases.coordination.k8s.io``, as error messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def prefix(self, namespace: str = "") -> bytes:
        """Return the key prefix of all its objects, or of one namespace's; it ends in a slash."""
        base = f"/registry/{self.stored_as}/"
        return f"{base}{namespace}/".encode() if namespace else base.encode()

    def key(self, namespace: str, name: str) -> bytes:
        """Return the storage key of one object (``namespace`` empty for cluster-scoped kinds)."""
        return self.prefix(namespace if self.namespaced else "") + name.encode()

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path of the collection, an object or a subresource."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        tail = f"/{name}" if name else ""
        return f"{root}{scope}/{self.plural}{tail}" + (f"/{subresource}" if subresource else "")


class Scheme:
    """Look-ups over a fixed set of resources; made once, never changed."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources = tuple(resources)
        self._by_kind = {(r.group, r.version, r.kind): r for r in self._resources}
        self._by_plural = {(r.group, r.version, r.plural): r for r in self._resources}
        self._by_message = {r.message: r for r in self._resources}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources)

    def by_kind(self, api_version: str, kind: str) -> Resource:
        """Return the resource of ``apiVersion`` and ``kind``. Raises UnknownKindError."""
        group, _, version = api_version.rpartition("/")
        try:
            return self._by_kind[group, version, kind]
        except KeyError:
            raise UnknownKindError(f"no kind {kind!r} in version {api_version!r}") from None

    def by_plural(self, group: str, version: str, plural: str) -> Resource:
        """Return the resource that a URL path names. Raises UnknownKindError."""
        try:
            return self._by_plural[group, version, plural]
        except KeyError:
            raise UnknownKindError(f"no resource {plural!r} in {group}/{version}") from None

    def by_message(self, message: type[Message]) -> Resource:
        """Return the resource of a message class. Raises UnknownKindError."""
        try:
            return self._by_message[message]
        except KeyError:
            raise UnknownKindError(f"{message.DESCRIPTOR.full_name} is no kind") from None


def metadata_of(message: Message) -> ObjectMeta:
    """Return the metadata of a message that is an API object."""
    return cast("Object", message).metadata
