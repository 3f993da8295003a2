"""From stored bytes to a cached object: the header is read once, when a version arrives."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from sys import intern
from typing import Final

from google.protobuf.message import Message

from serialization.codecs.interface import Codec, TypeMeta
from serialization.errors import DecodeError
from serialization.scheme import Resource, metadata_of
from serialization.stored import read_stored
from storage.watchcache.counters import CacheCounters
from storage.watchcache.fields import fields_of
from storage.watchcache.objects import CachedObject

logger = logging.getLogger(__name__)

LABEL_SETS_MAX: Final = 16_384
EXPECTED_MAX: Final = 4096
EXPECTED_BYTES_MAX: Final = 16_384
"""A bigger document is decoded when it arrives: what writes that fail leave behind is bounded in
bytes so, to 128 MiB with the bare forms."""

UNREAD_MAX: Final = 4096
"""Of so many keys it is known that their values cannot be read."""

Header = tuple[Mapping[str, str] | None, tuple[str, ...], bytes]


class Intake:
    """Makes cached objects of one resource's stored documents.

    Pods of one controller have equal labels, so equal label sets are held once. A writer that has
    the message in hand can say what it is about to store (``expect``), which spares the decoding:
    2 us in protobuf, 30 in JSON.
    """

    def __init__(self, resource: Resource, codec: Codec, counters: CacheCounters) -> None:
        self.unread: dict[bytes, None] = {}
        """Keys that had a value that cannot be read when they were told last."""
        self._resource = resource
        self._codec = codec
        self._counters = counters
        self._message = resource.message
        self._kind = TypeMeta(resource.api_version, resource.kind)
        self._namespaced = resource.namespaced
        self._prefix_size = len(resource.prefix())
        fields = fields_of(resource)
        self._extract = fields.extract
        self._held = fields.held
        self._label_sets: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self._expected: dict[bytes, Header] = {}

    def expect(self, value: bytes, bare: bytes, message: Message) -> None:
        """Remember the header of a document that is about to be written."""
        if len(value) > EXPECTED_BYTES_MAX:
            return
        if len(self._expected) >= EXPECTED_MAX:  # the oldest was of a write that failed
            del self._expected[next(iter(self._expected))]
        self._expected[value] = self._header(bare, message)

    def take(self, key: bytes, value: bytes, revision: int) -> CachedObject | None:
        """Return the object that ``value`` holds, or None where the codec cannot read it."""
        header = self._expected.pop(value, None) if self._expected else None
        if header is None:
            try:
                message, bare = read_stored(self._codec, self._resource, value)
                if bare is None:
                    bare = self._codec.encode_bare(message)
                elif bare is value:
                    bare = self._without_type(value, message)
                header = self._header(bare, message)
            except DecodeError as error:
                self._counters.undecodable += 1
                if len(self.unread) >= UNREAD_MAX:
                    del self.unread[next(iter(self.unread))]
                self.unread[key] = None
                logger.warning("%s at %d: %s", key.decode(errors="replace"), revision, error)
                return None
        labels, fields, bare = header
        namespace = ""
        if self._namespaced:
            namespace = intern(key[self._prefix_size : key.find(b"/", self._prefix_size)].decode())
        return CachedObject(
            key, namespace, labels=labels, fields=fields, revision=revision, bare=bare
        )

    def selectable(self, obj: CachedObject) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """Return an object's labels and fields, read from its bytes where they are not held."""
        if obj.labels is not None:
            return obj.labels, obj.fields
        message = self._codec.decode_bare(self._message, obj.bare)
        return self._labels(message), self._extract(message)

    def _without_type(self, document: bytes, message: Message) -> bytes:
        """Return the bare form of a document that the codec decodes as it is (JSON).

        A document that we wrote begins with its type; one that others wrote is encoded again.
        """
        head = self._codec.wrap(self._kind, b"{")
        if document.startswith(head):
            return b"{" + document[len(head) :]
        return self._codec.encode_bare(message)

    def _header(self, bare: bytes, message: Message) -> Header:
        if not self._held:
            return None, (), bare
        return self._labels(message), self._extract(message), bare

    def _labels(self, message: Message) -> Mapping[str, str]:
        items = tuple(metadata_of(message).labels.items())
        held = self._label_sets.get(items)
        if held is None:
            if len(self._label_sets) >= LABEL_SETS_MAX:
                self._label_sets.clear()
            held = self._label_sets[items] = dict(items)
        return held
