"""What can be wrong with a patch; each error is one way in which an API server answers."""

from __future__ import annotations


class PatchError(ValueError):
    """A patch that cannot be carried out."""


class PatchFormatError(PatchError):
    """The patch itself is malformed, whatever it is applied to."""


class PatchTooLongError(PatchError):
    """A JSON patch of more operations than are taken."""


class PatchFailedError(PatchError):
    """The patch does not fit this document: a path that leads nowhere, a test that fails."""


class PatchRuleError(PatchError):
    """A strategic patch against the rules of its kind (Kubernetes calls it an internal error)."""


class NestedListsError(PatchError):
    """A strategic patch that would merge lists of lists."""
