"""Failures as Kubernetes words them, and the one table that turns any error into a Status.

The messages are those of a real API server (compared against recordings by the tests), because
clients match on them: kubectl prints them, controllers look at ``reason`` and ``details``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from serialization.api.meta.v1_pb2 import Status, StatusCause, StatusDetails
from serialization.errors import DecodeError
from serialization.scheme import Resource
from storage.errors import (
    CompactedError,
    CorruptObjectError,
    FutureRevisionError,
    LeaseExistsError,
    LeaseNotFoundError,
    ReadOnlyError,
    StoreClosedError,
    StoreError,
    StoreUnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from storage.watchcache.errors import ReinitializingError


class StatusError(Exception):
    """An answer that is a failure: HTTP code, reason, message, details."""

    def __init__(
        self, code: int, reason: str, message: str, details: StatusDetails | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Status:
        """Return it as the object that clients get."""
        status = Status(status="Failure", message=self.message, code=self.code)
        status.metadata.SetInParent()
        if self.reason:
            status.reason = self.reason
        if self.details is not None:
            status.details.CopyFrom(self.details)
        return status


class FieldProblem(NamedTuple):
    """One thing that validation found: where, which sort, and the words after the colon."""

    field: str
    reason: str
    """``FieldValueRequired``, ``FieldValueInvalid`` ..."""
    message: str


def required(field: str, why: str = "") -> FieldProblem:
    """Say that a field must be there."""
    return FieldProblem(
        field, "FieldValueRequired", f"Required value: {why}" if why else "Required value"
    )


def invalid(field: str, value: str | float, why: str) -> FieldProblem:
    """Say that a field's value will not do."""
    return FieldProblem(field, "FieldValueInvalid", f"Invalid value: {_quote(value)}: {why}")


def invalid_shown(field: str, shown: str, why: str) -> FieldProblem:
    """Say that a value that is no string or number will not do; ``shown`` is its JSON."""
    return FieldProblem(field, "FieldValueInvalid", f"Invalid value: {shown}: {why}")


def forbidden_field(field: str, why: str) -> FieldProblem:
    """Say that a field may not be set, or not be changed."""
    return FieldProblem(field, "FieldValueForbidden", f"Forbidden: {why}")


def duplicate(field: str, value: str) -> FieldProblem:
    """Say that a value that must be unique is there twice."""
    return FieldProblem(field, "FieldValueDuplicate", f"Duplicate value: {_quote(value)}")


def duplicate_shown(field: str, shown: str, why: str = "") -> FieldProblem:
    """Say that a structure that must be unique is there twice; ``shown`` is its JSON."""
    told = f"Duplicate value: {shown}: {why}" if why else f"Duplicate value: {shown}"
    return FieldProblem(field, "FieldValueDuplicate", told)


def unsupported(field: str, value: str, supported: Sequence[str]) -> FieldProblem:
    """Say that a value is none of the known ones."""
    known = ", ".join(_quote(each) for each in supported)
    return FieldProblem(
        field,
        "FieldValueNotSupported",
        f"Unsupported value: {_quote(value)}: supported values: {known}",
    )


def too_long(field: str, limit: int) -> FieldProblem:
    """Say that a field is longer than it may be."""
    return FieldProblem(field, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes")


def too_many(field: str, count: int, limit: int) -> FieldProblem:
    """Say that a list has more entries than it may have."""
    entries = "item" if limit == 1 else "items"
    return FieldProblem(
        field, "FieldValueTooMany", f"Too many: {count}: must have at most {limit} {entries}"
    )


def _quote(value: str | float) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return str(value)


def _details(resource: Resource, name: str) -> StatusDetails:
    details = StatusDetails(kind=resource.plural)
    if name:
        details.name = name
    if resource.group:
        details.group = resource.group
    return details


def bad_request(message: str) -> StatusError:
    """400: the request itself is at fault."""
    return StatusError(400, "BadRequest", message)


def unrecognized(resource: Resource, why: str, body: bytes) -> StatusError:
    """400 for a body that is no document at all."""
    return bad_request(
        f"the object provided is unrecognized (must be of type {resource.kind}): {why} "
        f"({_excerpt(body)})"
    )


def _excerpt(body: bytes) -> str:
    """Return the beginning of a body that nobody could read, as Kubernetes quotes it."""
    if not body:
        return "<empty>"
    if body[:1] in {b"{", b"["} and body.isascii():
        text = body.decode()
        return text if len(text) <= 30 else f"{text[:30]} ..."
    return body[:30].hex() + (" ..." if len(body) > 30 else "")


def unauthorized() -> StatusError:
    """401."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(
    resource: Resource, name: str, why: str, causes: Sequence[StatusCause] = ()
) -> StatusError:
    """403: ``why`` follows ``pods "a" is forbidden:``."""
    details = _details(resource, name)
    details.causes.extend(causes)
    return StatusError(
        403, "Forbidden", f'{resource.group_resource} "{name}" is forbidden: {why}', details
    )


def not_found(resource: Resource, name: str) -> StatusError:
    """404 for an object."""
    return StatusError(
        404,
        "NotFound",
        f'{resource.group_resource} "{name}" not found',
        _details(resource, name),
    )


def unknown_resource() -> StatusError:
    """404 for a resource or subresource that is not served."""
    return StatusError(
        404, "NotFound", "the server could not find the requested resource", StatusDetails()
    )


def method_not_allowed() -> StatusError:
    """405."""
    return StatusError(
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
        StatusDetails(),
    )


def already_exists(resource: Resource, name: str) -> StatusError:
    """409 for a create."""
    return StatusError(
        409,
        "AlreadyExists",
        f'{resource.group_resource} "{name}" already exists',
        _details(resource, name),
    )


MODIFIED: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def conflict(resource: Resource, name: str, why: str = MODIFIED) -> StatusError:
    """409 for an update or delete that was judged against another state."""
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {resource.group_resource} "{name}": {why}',
        _details(resource, name),
    )


def conflict_on(what: str, name: str, why: str) -> StatusError:
    """409 where Kubernetes names something else than the resource (``pods/binding``, a kind)."""
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {what} "{name}": {why}',
        StatusDetails(name=name, kind=what),
    )


def wrong_uid(resource: Resource, key: bytes, *, wanted: str, found: str) -> StatusError:
    """409 for a body whose uid is not that of the stored object."""
    name = key.rsplit(b"/", 1)[-1].decode()
    return conflict(
        resource,
        name,
        f"StorageError: invalid object, Code: 4, Key: {key.decode()}, ResourceVersion: 0, "
        f"AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, "
        f"UID in object meta: {found}",
    )


def too_large(limit_bytes: int) -> StatusError:
    """413."""
    return StatusError(
        413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit_bytes}"
    )


def too_many_requests() -> StatusError:
    """429: more requests at once than the server takes on."""
    return StatusError(
        429,
        "TooManyRequests",
        "Too many requests, please try again later.",
        StatusDetails(retryAfterSeconds=1),
    )


def reinitializing() -> StatusError:
    """429: a resource is being read anew from the store."""
    return StatusError(
        429,
        "TooManyRequests",
        "storage is (re)initializing",
        StatusDetails(retryAfterSeconds=1),
    )


def timed_out(*, unknown: bool) -> StatusError:
    """504: not done in the time that there was. ``unknown``: a write that may yet be stored."""
    message = (
        "Timeout: request did not complete within requested timeout - context deadline exceeded"
    )
    if unknown:
        message += "; whether it has been stored is unknown: read the object to learn it"
    return StatusError(504, "Timeout", message, StatusDetails())


def invalid_object(
    kind: str, name: str, problems: Sequence[FieldProblem], *, group: str = ""
) -> StatusError:
    """422: what validation found, each problem as a cause; the message tells each only once."""
    words = list(dict.fromkeys(f"{problem.field}: {problem.message}" for problem in problems))
    told = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    details = StatusDetails(kind=kind)
    if name:
        details.name = name
    if group:
        details.group = group
    for problem in problems:
        details.causes.add(reason=problem.reason, message=problem.message, field=problem.field)
    what = f"{kind}.{group}" if group else kind
    return StatusError(422, "Invalid", f'{what} "{name}" is invalid: {told}', details)


def internal(message: str) -> StatusError:
    """500 with Kubernetes' reason."""
    return StatusError(
        500,
        "InternalError",
        f"Internal error occurred: {message}",
        StatusDetails(causes=[StatusCause(message=message)]),
    )


def unreasoned(message: str) -> StatusError:
    """500 without a reason: how Kubernetes answers what it never mapped to an API error."""
    return StatusError(500, "", message)


def expired(message: str) -> StatusError:
    """410: list again."""
    return StatusError(410, "Expired", message)


def future_version(wanted: int, current: int) -> StatusError:
    """504: the revision asked for has not come within the time that a read waits for it."""
    details = StatusDetails(retryAfterSeconds=1)
    details.causes.add(reason="ResourceVersionTooLarge", message="Too large resource version")
    return StatusError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        details,
    )


def _from_future(error: Exception) -> StatusError:
    if not isinstance(error, FutureRevisionError):
        raise TypeError(type(error))
    return future_version(error.revision, error.current)


def _unavailable(error: Exception) -> StatusError:
    return StatusError(503, "ServiceUnavailable", str(error), StatusDetails(retryAfterSeconds=1))


# The one translation. Verbs map what they know better (a name, a resource) before it gets here:
# KeyExistsError, KeyNotFoundError and ConflictError never arrive.
STATUS_BY_ERROR: Final[dict[type[BaseException], Callable[[Exception], StatusError]]] = {
    DecodeError: lambda error: bad_request(str(error)),
    CorruptObjectError: lambda error: unreasoned(str(error)),
    CompactedError: lambda _error: expired("The resourceVersion for the provided list is too old."),
    FutureRevisionError: _from_future,
    ReadOnlyError: _unavailable,
    StoreClosedError: _unavailable,
    # This server has asked for ten seconds: a Retry-After would have kubectl come ten times more.
    StoreUnavailableError: lambda error: StatusError(503, "ServiceUnavailable", str(error)),
    # A lease ended between its grant and the write that was to use it: nothing was written.
    LeaseNotFoundError: _unavailable,
    LeaseExistsError: _unavailable,
    UnknownOutcomeError: lambda _error: timed_out(unknown=True),
    ReinitializingError: lambda _error: reinitializing(),
    UnsupportedError: lambda error: StatusError(501, "NotImplemented", str(error)),
    StoreError: lambda error: internal(str(error)),
}


def status_error(error: Exception) -> StatusError:
    """Return what a client is told about ``error``; the most specific entry of the table wins.

    An error of no known kind is a defect of this server: the client learns no more than that.
    """
    if isinstance(error, StatusError):
        return error
    for kind in type(error).__mro__:
        translate = STATUS_BY_ERROR.get(kind)
        if translate is not None:
            return translate(error)
    return internal("unexpected error; the server's log has it")
