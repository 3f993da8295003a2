"""Which objects a list or watch is about, read from its path and its selectors."""

from __future__ import annotations

from cluster.apiserver.calls import Call
from cluster.apiserver.errors import bad_request
from serialization.scheme import Resource
from serialization.selectors import FieldSelector, SelectorError, parse_fields, parse_labels
from storage.watchcache.fields import fields_of, selectable
from storage.watchcache.selection import Selection


def selection_of(call: Call) -> Selection:
    """Return the selection of a collection's call. Raises StatusError for a bad selector."""
    label_text = call.query.get("labelSelector", "")
    field_text = call.query.get("fieldSelector", "")
    if call.route.verb and call.route.name:
        named = f"metadata.name={call.route.name}"
        field_text = f"{field_text},{named}" if field_text else named
    namespace = call.route.namespace
    if not label_text and not field_text:
        return Selection(namespace)
    try:
        labels = parse_labels(label_text) if label_text else None
        fields = parse_fields(field_text) if field_text else None
    except SelectorError as error:
        raise bad_request(str(error)) from error
    if fields is not None:
        _check_fields(call.strategy.resource, fields)
    return Selection(namespace, label_text, field_text, labels, fields)


def _check_fields(resource: Resource, selector: FieldSelector) -> None:
    """Refuse fields that the kind cannot be selected by, as Kubernetes words it."""
    known = selectable(resource)
    for requirement in selector.requirements:
        name = requirement.field
        if name in known:
            continue
        if fields_of(resource).names or not resource.namespaced:
            raise bad_request(f"field label not supported: {name}")
        listed = ", ".join(f'"{each}"' for each in known)
        raise bad_request(f'"{name}" is not a known field selector: only {listed}')
