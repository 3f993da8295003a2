"""What a pod asks of a node beyond room: the rarer needs, each a tuple, empty for most pods.

Pods of one template share one ``Constraints``; it is part of a dict key at every decision, so its
hash is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple


class Taint(NamedTuple):
    """A node's taint; ``effect`` is NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    value: str
    effect: str


class Toleration(NamedTuple):
    """A pod's toleration; an empty key with ``Exists`` tolerates all, an empty effect any."""

    key: str
    operator: str
    value: str
    effect: str

    def covers(self, taint: Taint) -> bool:
        """Tell whether it tolerates the taint."""
        if self.effect and self.effect != taint.effect:
            return False
        if self.operator == "Exists":
            return not self.key or self.key == taint.key
        return self.key == taint.key and self.value == taint.value


class Requirement(NamedTuple):
    """One condition on a label, or (in ``fields``) on the node's name."""

    key: str
    operator: str
    """In, NotIn, Exists, DoesNotExist, Gt, Lt."""
    values: tuple[str, ...]

    def met_by(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet it. NotIn is met by labels that lack the key."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compares(value)
        return False

    def _compares(self, value: str | None) -> bool:
        try:
            found, bound = int(value or ""), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return found > bound if self.operator == "Gt" else found < bound


class Term(NamedTuple):
    """Requirements that hold together; a term without any matches nothing."""

    labels: tuple[Requirement, ...]
    fields: tuple[Requirement, ...] = ()
    """On ``metadata.name``."""

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Tell whether a node of that name and those labels meets them all."""
        if not self.labels and not self.fields:
            return False
        return all(each.met_by(labels) for each in self.labels) and all(
            each.met_by({"metadata.name": name}) for each in self.fields
        )


class Preference(NamedTuple):
    """A term that is worth ``weight`` where it matches."""

    weight: int
    term: Term


class HostPort(NamedTuple):
    """A port on the node itself."""

    ip: str
    protocol: str
    port: int

    def clashes(self, other: HostPort) -> bool:
        """Tell whether both cannot be had on one node."""
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        return self.ip == other.ip or ANY_IP in (self.ip, other.ip)


ANY_IP: Final = "0.0.0.0"


class Disk(NamedTuple):
    """A network disk that a pod mounts."""

    kind: str
    """gce, ebs, rbd or iscsi."""
    identity: str
    read_only: bool

    def clashes(self, other: Disk) -> bool:
        """Tell whether a node that has one cannot have the other (EBS: not even read-only)."""
        if (self.kind, self.identity) != (other.kind, other.identity):
            return False
        return self.kind == "ebs" or not (self.read_only and other.read_only)


@dataclass(frozen=True, slots=True, eq=True)
class Constraints:
    """All that a pod asks of a node beside CPU, memory and its node selector."""

    tolerations: tuple[Toleration, ...] = ()
    required: tuple[Term, ...] | None = None
    """Node affinity: one of them must match. None: nothing is required."""
    preferred: tuple[Preference, ...] = ()
    ports: tuple[HostPort, ...] = ()
    disks: tuple[Disk, ...] = ()
    zones: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Where its bound volumes are: label keys of zones and regions, and the values that will do."""
    volume_terms: tuple[tuple[Term, ...], ...] = ()
    """Node affinity of its bound volumes: of each volume one term must match."""
    resources: tuple[tuple[str, int], ...] = ()
    """Asked for beside CPU and memory, by name, sorted; whole units."""
    best_effort: bool = False
    """No container asks for anything, or has a limit."""
    trouble: str = ""
    """Why no node will do (a claim that is missing or not bound), or empty."""
    _hash: int = field(init=False, compare=False, default=0)

    def __post_init__(self) -> None:
        values = tuple(getattr(self, each.name) for each in fields(self) if each.compare)
        object.__setattr__(self, "_hash", hash(values))

    def __hash__(self) -> int:
        return self._hash


UNCONSTRAINED: Final = Constraints()
