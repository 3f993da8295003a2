"""YAML at the edge: bodies become the JSON that they stand for, answers are written from JSON.

Nothing behind the edge knows of it. YAML is for people, so it need not be quick; but what a client
sends must not cost more than its size, so aliases, by which a few lines can stand for gigabytes,
are refused.
"""

from __future__ import annotations

import json
from typing import Final

import yaml

from cluster.apiserver.asgi import Send, SendEvent
from serialization.errors import DecodeError

MEDIA: Final = b"application/yaml"


class _Loader(yaml.CSafeLoader):
    """Times stay text, as JSON has them."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def from_yaml(document: bytes, repeated: list[str]) -> bytes:
    """Return the JSON text of a YAML document; appends what stands twice to ``repeated``.

    Raises DecodeError.
    """
    try:
        loader = _Loader(document)
        try:
            root = loader.get_single_node()
            _look_through(root, repeated)
            tree = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
        return json.dumps(_plain(tree), allow_nan=False).encode()
    except yaml.MarkedYAMLError as error:
        raise DecodeError(f"yaml: {error.problem}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise DecodeError(f"yaml: {error}") from error


def _look_through(root: yaml.Node | None, repeated: list[str]) -> None:
    """Refuse aliases, which are nodes that stand in two places; note keys that stand twice."""
    seen: set[int] = set()
    waiting = [root] if root is not None else []
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            raise DecodeError("yaml: aliases are not supported")
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            names: set[object] = set()
            for key, value in node.value:
                waiting += (key, value)
                name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
                if name in names:
                    line = key.start_mark.line + 1
                    repeated.append(f'line {line}: key "{name}" already set in map')
                names.add(name)


def _plain(tree: object) -> object:
    """Return a tree whose keys are text, as JSON must have them."""
    if isinstance(tree, dict):
        return {_key(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(value) for value in tree]
    return tree


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    return json.dumps(key, allow_nan=False)


def to_yaml(document: bytes) -> bytes:
    """Return the YAML text of a JSON document, keys in order."""
    if not document:
        return document
    text: str = yaml.dump(
        json.loads(document),
        Dumper=yaml.CSafeDumper,
        allow_unicode=True,
        default_flow_style=False,
        width=2**16,
    )
    return text.encode()


def in_yaml(send: Send) -> Send:
    """Return a ``send`` that passes a whole answer of JSON on as YAML, any other as it is."""
    head: SendEvent | None = None
    pieces: list[bytes] = []

    async def convert(event: SendEvent) -> None:
        nonlocal head
        if event["type"] == "http.response.start":
            head = event
            return
        pieces.append(event.get("body", b""))
        if event.get("more_body", False) or head is None:
            return
        headers, body = head["headers"], b"".join(pieces)
        if (b"content-type", b"application/json") in headers:
            body = to_yaml(body)
            kept = [each for each in headers if each[0] not in {b"content-type", b"content-length"}]
            length = (b"content-length", b"%d" % len(body))
            headers = [(b"content-type", MEDIA), length, *kept]
        status = head["status"]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return convert
