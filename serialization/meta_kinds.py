"""The types of documents that are no resources: Status, options, discovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import Message

from serialization.api.meta import v1_pb2 as meta
from serialization.codecs.interface import TypeMeta

STATUS: Final = TypeMeta("v1", "Status")
DELETE_OPTIONS: Final = TypeMeta("v1", "DeleteOptions")
API_VERSIONS: Final = TypeMeta("v1", "APIVersions")
API_GROUP: Final = TypeMeta("v1", "APIGroup")
API_GROUP_LIST: Final = TypeMeta("v1", "APIGroupList")
API_RESOURCE_LIST: Final = TypeMeta("v1", "APIResourceList")

META_MESSAGES: Final[Mapping[TypeMeta, type[Message]]] = {
    STATUS: meta.Status,
    DELETE_OPTIONS: meta.DeleteOptions,
    API_VERSIONS: meta.APIVersions,
    API_GROUP: meta.APIGroup,
    API_GROUP_LIST: meta.APIGroupList,
    API_RESOURCE_LIST: meta.APIResourceList,
    # Clients of other groups send options under their own versions of the type.
    TypeMeta("meta.k8s.io/v1", "DeleteOptions"): meta.DeleteOptions,
    TypeMeta("meta.k8s.io/v1", "PartialObjectMetadata"): meta.PartialObjectMetadata,
    TypeMeta("meta.k8s.io/v1", "PartialObjectMetadataList"): meta.PartialObjectMetadataList,
}
"""By the type that a document names."""
