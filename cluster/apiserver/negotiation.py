"""Which codec reads a request's body and which one writes its answer, per request.

Header values repeat endlessly (every client sends the same few), so each is parsed once.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cluster.apiserver.errors import StatusError
from serialization.api.meta.v1_pb2 import StatusDetails
from serialization.codecs.interface import Codec

JSON: Final = "application/json"
YAML: Final = "application/yaml"
"""Served at the edge (``yaml_form``): behind it, it is JSON."""
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
OFFERED: Final = f"{JSON}, {YAML}, {PROTOBUF}"
STREAMED: Final = f"{JSON};stream=watch, {PROTOBUF};stream=watch"
FORMS: Final = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")
FORM_VERSIONS: Final = ("v1", "v1beta1")
MEMO_LIMIT: Final = 512
"""Distinct header values that are remembered; beyond, values are parsed each time."""


class Accepted(NamedTuple):
    """How an answer is to be written."""

    codec: Codec
    form: str = ""
    """As what instead of the objects themselves, one of FORMS; empty: the objects."""
    version: str = "v1"
    """The form's version in meta.k8s.io."""


class _Clause(NamedTuple):
    media: str
    parameters: dict[str, str]
    quality: float


class Negotiator:
    """Chooses codecs. Belongs to one API server: which JSON library serves is its choice."""

    def __init__(self, json_codec: Codec, protobuf_codec: Codec) -> None:
        self.json = json_codec
        self.protobuf = protobuf_codec
        self._by_media: dict[str, Codec] = {
            JSON: json_codec,
            PROTOBUF: protobuf_codec,
            "application/*": json_codec,
            "*/*": json_codec,
        }
        self._accepted: dict[tuple[bytes, bool, bool], Accepted] = {}
        self._contents: dict[bytes, Codec] = {}

    def accept(self, header: bytes, *, forms: bool = False, streams: bool = False) -> Accepted:
        """Return how to answer an Accept header (empty: JSON); 406 when nothing fits.

        ``forms`` says that this answer can be had as a Table or as metadata alone. Where it
        cannot, clauses that ask for it are passed over: kubectl always adds plain JSON behind.
        """
        key = (header, forms, streams)
        found = self._accepted.get(key)
        if found is None:
            found = self._choose(header, forms=forms, streams=streams)
            if len(self._accepted) < MEMO_LIMIT:
                self._accepted[key] = found
        return found

    def prefers_yaml(self, header: bytes) -> bool:
        """Tell whether YAML is what fits best of an Accept header that names it."""
        for clause in sorted(_clauses(header), key=lambda each: -each.quality):
            if clause.media == YAML:
                return clause.quality > 0
            if clause.media in self._by_media and clause.quality > 0:
                return False
        return False

    def accept_stream(self, header: bytes) -> Accepted:
        """Return how to answer a watch; 406 when nothing fits."""
        try:
            return self.accept(header, forms=True, streams=True)
        except StatusError:
            raise StatusError(
                406,
                "NotAcceptable",
                f"only the following media types are accepted: {STREAMED}",
            ) from None

    def streams(self, header: bytes) -> bool:
        """Tell whether a watch can be answered to an Accept header."""
        try:
            self.accept_stream(header)
        except StatusError:
            return False
        return True

    def content(self, header: bytes) -> Codec:
        """Return the codec of a Content-Type (empty: JSON); 415 for one that is not known."""
        codec = self._contents.get(header)
        if codec is None:
            media = header.decode("latin-1").partition(";")[0].strip().lower() or JSON
            codec = self.json if media == YAML else self._by_media.get(media)
            if codec is None or media.endswith("*"):
                raise StatusError(
                    415,
                    "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types "
                    f"include: {OFFERED}",
                )
            if len(self._contents) < MEMO_LIMIT:
                self._contents[header] = codec
        return codec

    def _choose(self, header: bytes, *, forms: bool, streams: bool) -> Accepted:
        if not header.strip():
            return Accepted(self.json)
        transformed = False
        for clause in sorted(_clauses(header), key=lambda each: -each.quality):
            codec = self._by_media.get(clause.media)
            if codec is None or clause.quality <= 0:
                continue
            form = clause.parameters.get("as", "")
            if forms and self._serves(form, codec, clause.parameters):
                return Accepted(codec, form, clause.parameters["v"])
            if not form:
                return Accepted(codec)
            transformed = True
        if transformed:
            raise StatusError(
                406,
                "NotAcceptable",
                f"only the following media types are accepted: {OFFERED}",
            )
        offered = [OFFERED]
        if streams:
            offered.append(STREAMED)
        raise StatusError(
            406,
            "NotAcceptable",
            f"406: Not Acceptable\n\nAvailable representations: {', '.join(offered)}",
            StatusDetails(),
        )

    def _serves(self, form: str, codec: Codec, parameters: dict[str, str]) -> bool:
        """Tell whether a form can be had; Kubernetes has no Table in protobuf."""
        return (
            form in FORMS
            and (form != "Table" or codec is self.json)
            and parameters.get("g") == "meta.k8s.io"
            and parameters.get("v") in FORM_VERSIONS
        )


def _clauses(header: bytes) -> list[_Clause]:
    clauses = []
    for part in header.decode("latin-1").split(","):
        media, *rest = (piece.strip() for piece in part.split(";"))
        parameters = {}
        for parameter in rest:
            name, _, value = parameter.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0
        clauses.append(_Clause(media.lower(), parameters, quality))
    return clauses
