"""One object version in the cache: a header that is always there, and bytes per codec."""

from __future__ import annotations

from collections.abc import Mapping


class CachedObject:
    """A version of an object; read-only for everyone but the encoder that fills in its bytes.

    It holds no message: parsing takes 1.8 us, a parsed pod 10.8 KB, its bytes 1.2 KB.
    """

    __slots__ = (
        "bare",
        "fields",
        "key",
        "labels",
        "name",
        "namespace",
        "others",
        "revision",
        "size",
        "stamp",
    )

    def __init__(
        self,
        key: bytes,
        scope: tuple[str, str],
        *,
        labels: Mapping[str, str],
        fields: tuple[str, ...],
        revision: int,
        bare: bytes,
    ) -> None:
        self.key = key
        self.namespace, self.name = scope
        self.labels = labels
        self.fields = fields
        """Values of the resource's selectable fields, in the order of its registry entry."""
        self.revision = revision
        """Of the write that made this version; its resourceVersion."""
        self.bare = bare
        """The bare form in the storage codec."""
        self.size = len(bare)
        """Of the bare form as it was stored; putting the revision in makes ``bare`` longer."""
        self.stamp = 0
        """The revision that stands in ``bare`` as its resourceVersion; 0 while none does."""
        self.others: dict[str, bytes] | None = None
        """Bare forms in other codecs, resourceVersion included, by codec name."""

    def at_revision(self, revision: int) -> CachedObject:
        """Return this state with another resourceVersion, as DELETED events carry it."""
        copy = CachedObject(
            self.key,
            (self.namespace, self.name),
            labels=self.labels,
            fields=self.fields,
            revision=revision,
            bare=self.bare,
        )
        copy.stamp = self.stamp
        return copy

    def __repr__(self) -> str:
        return f"<{self.key.decode(errors='replace')} @{self.revision}>"
