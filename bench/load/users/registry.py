"""The user classes by name. A new one is a file here beside, and a function and a line below.

They are imported when they are put to work: locust changes the process that imports it, and the
command line only wants the names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final


def _kubelet() -> type[Any]:
    from bench.load.users.kubelet import Kubelet  # noqa: PLC0415

    return Kubelet


def _kubectl() -> type[Any]:
    from bench.load.users.kubectl import Kubectl  # noqa: PLC0415

    return Kubectl


USERS: Final[dict[str, Callable[[], type[Any]]]] = {
    "kubelet": _kubelet,
    "kubectl": _kubectl,
}
