"""The strategy contract: what a kind adds to the verbs, which are the same for all kinds.

Strategies are synchronous and pure: they change the message that they are given and say what is
wrong with it; they neither read nor write anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from google.protobuf.message import Message

from cluster.apiserver.errors import FieldProblem
from serialization.codecs.interface import TypeMeta
from serialization.labels import subdomain_errors
from serialization.quantities import settle_quantities
from serialization.scheme import Resource

M = TypeVar("M", bound=Message)


class Strategy(Generic[M]):
    """The rules of one kind. What a subclass does not override does nothing."""

    resource: ClassVar[Resource]

    type_meta: ClassVar[TypeMeta]
    """The type that documents of this kind carry."""

    verbs: ClassVar[frozenset[str]] = frozenset(
        ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
    )
    """What may be done, in discovery's words."""

    creates_on_update: ClassVar[bool] = False
    """A PUT to a name that does not exist creates it (leases, events)."""

    answers_deleted_object: ClassVar[bool] = False
    """DELETE answers the object as it was, not a Status (pods, services, volumes, quotas)."""

    graceful: ClassVar[bool] = False
    """DELETE gives time first, by ``grace_s``; even one without grace is told before it goes."""

    tells_grace: ClassVar[bool] = True
    """An object that finalizers hold says that its grace is 0 (all but namespaces)."""

    orphans_dependents: ClassVar[bool] = False
    """A DELETE that names no policy leaves the dependents alone (v1 ReplicationControllers)."""

    collected: ClassVar[bool] = True
    """The garbage collector knows the kind, so that policies have a meaning (all but events)."""

    ttl_s: ClassVar[int] = 0
    """How long an object lives after its last write; 0: until it is deleted."""

    def __init_subclass__(cls) -> None:
        """Make once what every request needs."""
        cls.type_meta = TypeMeta(cls.resource.api_version, cls.resource.kind)

    def name_errors(self, name: str) -> list[str]:
        """Return what is wrong with an object's name."""
        return subdomain_errors(name)

    def settle(self, obj: M) -> None:
        """Put the quantities of an object that came as protobuf into canonical form (hot path).

        Raises DecodeError for what is none.
        """
        settle_quantities(obj)

    def default(self, obj: M) -> None:
        """Fill in what Kubernetes fills in; done after decoding and before validation."""

    def prepare_create(self, obj: M) -> None:
        """Clear what a client may not set at creation, compute what it cannot know."""

    def admit(self, obj: M) -> None:
        """Make of a decoded object what is to be judged and created (hot path)."""
        self.default(obj)
        self.prepare_create(obj)

    def validate(self, obj: M) -> list[FieldProblem]:
        """Return what is wrong with the object, apart from its metadata."""
        return []

    def validate_create(self, obj: M) -> list[FieldProblem]:
        """Return what is wrong with a new object that would do in an old one."""
        return []

    def warnings(self, obj: M) -> Sequence[str]:
        """Return what the creator of an object is warned of, though it is sound (hot path)."""
        return ()

    def prepare_update(self, new: M, old: M) -> None:
        """Put back what an update may not touch (its status), raise the generation."""

    def validate_update(self, new: M, old: M) -> list[FieldProblem]:
        """Return what is wrong with the change; ``validate`` has been asked already."""
        return []

    def prepare_status(self, new: M, old: M) -> None:
        """Put back everything that a write to ``status`` may not touch."""

    def default_status(self, obj: M) -> None:
        """Fill in what Kubernetes fills in, after ``prepare_status`` (hot path)."""
        self.default(obj)

    def validate_status(self, new: M, old: M) -> list[FieldProblem]:
        """Return what is wrong with a status that is about to replace another (hot path)."""
        return []

    def grace_s(self, obj: M, asked_s: int | None) -> int:
        """Return for how long an object lives on after DELETE (0: it goes at once)."""
        return 0

    def prepare_delete(self, obj: M) -> None:
        """Change what a deletion that is not at once changes beside the metadata."""

    def may_go(self, obj: M) -> bool:
        """Tell whether a deleted object without finalizers is removed; False keeps it."""
        return True
