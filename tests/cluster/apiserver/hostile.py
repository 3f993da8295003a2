"""Requests by chance: of every verb, path, query, header and body that a client might get wrong.

Half of what they say is right, or nothing would get past the first check: messages are made by
their descriptors, with a few fields set, some of them to values from the edges; what was sound is
then sometimes broken, as a tree or as bytes. The same ``Random`` gives the same requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cluster.apiserver.registry import served
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from serialization.errors import EncodeError
from serialization.kinds import NAMESPACES
from serialization.scheme import Resource
from tests.cluster.apiserver.hostile_words import (
    ACCEPTED,
    LEAVES,
    METHODS,
    NAMES,
    NUMBERS,
    ODD_METHODS,
    ODD_PATHS,
    PATCHES,
    POINTERS,
    PROTOBUF,
    QUERIES,
    SOUND,
    TEXTS,
)


class HostileRequest(NamedTuple):
    """What is to be sent."""

    method: str
    target: str
    body: bytes
    headers: dict[str, str]


class Attacker:
    """Makes requests to an API server."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._resources = [strategy.resource for strategy in served()]

    def request(self) -> HostileRequest:
        """Return the next request."""
        random = self._random
        resource = random.choice(self._resources)
        method = random.choice(METHODS if random.random() < 0.98 else ODD_METHODS)
        if resource.kind == "Binding":
            method = "POST"
        path, query = self._path(resource, method), self._query()
        if "watch" in query or "/watch" in path:
            query["timeoutSeconds"] = "1"
        body, content_type = self._body(resource, method)
        headers = {"content-type": content_type} if content_type else {}
        if random.random() < 0.5:
            headers["accept"] = random.choice(ACCEPTED[:4] if random.random() < 0.7 else ACCEPTED)
        if random.random() < 0.1:
            headers["accept-encoding"] = "gzip"
        target = f"{path}?{urlencode(query)}" if query else path
        return HostileRequest(method, target, body, headers)

    def _path(self, resource: Resource, method: str) -> str:
        random = self._random
        if random.random() < 0.03:
            return random.choice(ODD_PATHS)
        base = f"/apis/{resource.group}/v1" if resource.group else "/api/v1"
        if random.random() < 0.03:
            base += "/watch"
        if resource.namespaced and random.random() < 0.95:
            base += f"/namespaces/{random.choice(('default', 'default', 'default', 'a'))}"
        path = f"{base}/{resource.plural}"
        if method != "POST" and random.random() < 0.85:
            path += f"/{random.choice(NAMES)}"
            if random.random() < 0.3:
                subresources = resource.subresources if random.random() < 0.8 else ()
                path += f"/{random.choice((*subresources, 'x', ''))}"
        return path if random.random() < 0.98 else path + quote(random.choice(TEXTS), safe="")

    def _query(self) -> dict[str, str]:
        random = self._random
        if random.random() < 0.75:
            return {}
        names = random.sample(sorted(QUERIES), random.randrange(1, 4))
        return {name: random.choice(QUERIES[name]) for name in names}

    def _body(self, resource: Resource, method: str) -> tuple[bytes, str]:
        if method == "PATCH":
            return self._patch(resource)
        if method not in {"POST", "PUT"} and self._random.random() < 0.8:
            return b"", ""
        body, media = self._document(resource)
        return self._broken(body), media

    def _document(self, resource: Resource) -> tuple[bytes, str]:
        message = self.message(resource)
        kind = TypeMeta(resource.api_version, resource.kind)
        if self._random.random() < 0.5:
            return CODECS["protobuf"].encode(kind, message), PROTOBUF
        tree = self._tree(resource, message)
        if self._random.random() < 0.5:
            tree = self._bent(tree)
        media = "application/json" if self._random.random() < 0.9 else "application/yaml"
        return json.dumps(tree).encode(), media

    def _tree(self, resource: Resource, message: Message) -> dict[str, Any]:
        kind = TypeMeta(resource.api_version, resource.kind)
        try:
            tree: dict[str, Any] = json.loads(CODECS["json"].encode(kind, message))
        except EncodeError:  # a time that JSON cannot tell
            tree = {"metadata": {"name": self._random.choice(NAMES)}}
        return tree

    def _patch(self, resource: Resource) -> tuple[bytes, str]:
        random = self._random
        media = random.choice(PATCHES)
        tree: object
        if media == PATCHES[0]:
            tree = [self._operation() for _ in range(random.randrange(4))]
        else:
            tree = self._tree(resource, self.message(resource))
            if random.random() < 0.6:
                tree = self._bent(tree)
        return self._broken(json.dumps(tree).encode()), media

    def _operation(self) -> dict[str, object]:
        random = self._random
        return {
            "op": random.choice(("add", "remove", "replace", "test", "copy", "move", "x")),
            "path": random.choice(POINTERS),
            "from": random.choice(POINTERS),
            "value": random.choice((*LEAVES, *TEXTS)),
        }

    def _bent(self, tree: Any) -> Any:
        """Return a tree with one node replaced, taken out, doubled or added."""
        random = self._random
        holder = tree
        while isinstance(holder, dict | list) and holder:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            key = random.choice(keys)
            if not isinstance(holder[key], dict | list) or random.random() < 0.3:
                self._bend(holder, key)
                return tree
            holder = holder[key]
        return tree

    def _bend(self, holder: Any, key: Any) -> None:
        random = self._random
        bend: Callable[[], object] = random.choice(
            (
                lambda: holder.__setitem__(key, random.choice(LEAVES)),
                lambda: holder.__delitem__(key),
                lambda: holder.__setitem__(key, [holder[key], holder[key]]),
                lambda: holder.__setitem__(key, random.choice(TEXTS)),
                lambda: holder.__setitem__(key, random.choice(NUMBERS)),
            )
        )
        bend()

    def _broken(self, body: bytes) -> bytes:
        """Return a body with a few bytes wrong, now and then."""
        random = self._random
        if random.random() > 0.1 or not body:
            return body
        at = random.randrange(len(body))
        return random.choice(
            (
                body[:at],
                body[:at] + random.randbytes(2) + body[at + 2 :],
                body + body[at:],
                b"[" * 999,
            )
        )

    def message(self, resource: Resource) -> Any:
        """Return a message of a kind with a few fields set, named so that it can be stored."""
        random = self._random
        message: Any = resource.message()
        if random.random() < 0.85:
            text = json.dumps(SOUND.get(resource.kind, {})).encode()
            message = CODECS["json"].decode_bare(resource.message, text)
        for _ in range(random.randrange(3)):
            self._fill(message, 0)
        meta = message.metadata
        if random.random() < 0.9:
            meta.name = random.choice(NAMES)
            for name in ("namespace", "generateName", "resourceVersion", "uid"):
                if random.random() < 0.9:
                    meta.ClearField(name)
            for name in ("labels", "annotations", "ownerReferences", "managedFields", "finalizers"):
                if random.random() < 0.7:
                    meta.ClearField(name)
        if resource is NAMESPACES:
            meta.name = random.choice(("a", "b"))
        return message

    def _fill(self, message: Any, depth: int) -> None:
        random = self._random
        fields = list(message.DESCRIPTOR.fields)
        for field in random.sample(fields, min(len(fields), random.randrange(1, 5))):
            below = field.message_type
            if below is None:
                self._set(message, field)
            elif below.GetOptions().map_entry:
                self._fill_map(getattr(message, field.name), below, depth)
            elif depth < 6:
                value = getattr(message, field.name)
                if field.is_repeated:
                    for _ in range(random.randrange(3)):
                        self._fill(value.add(), depth + 1)
                else:
                    value.SetInParent()
                    self._fill(value, depth + 1)

    def _fill_map(self, held: Any, entry: Any, depth: int) -> None:
        key, value = random_text(self._random), entry.fields_by_name["value"]
        if value.message_type is not None:
            self._fill(held[key], depth + 1)
        else:
            held[key] = self._scalar(value)

    def _set(self, message: Any, field: FieldDescriptor) -> None:
        if field.is_repeated:
            values = (self._scalar(field) for _ in range(self._random.randrange(3)))
            getattr(message, field.name).extend(values)
        else:
            setattr(message, field.name, self._scalar(field))

    def _scalar(self, field: FieldDescriptor) -> Any:
        random = self._random
        if field.type == FieldDescriptor.TYPE_BOOL:
            return random.random() < 0.5
        if field.type == FieldDescriptor.TYPE_BYTES:
            return random.choice(TEXTS).encode()
        if field.type == FieldDescriptor.TYPE_STRING:
            return random_text(random)
        if field.type in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}:
            return random.choice((0.0, -1.5, float("inf"), float("nan")))
        number = random.choice(NUMBERS)
        small = field.type == FieldDescriptor.TYPE_INT32
        return max(min(number, 2**31 - 1), -(2**31)) if small else number


def random_text(random: Random) -> str:
    """Return a text, often one that means something."""
    return random.choice(TEXTS)
