"""The operations by name. A new one is a file here beside and a line below."""

from __future__ import annotations

from typing import Final

from bench.apibench.operations import (
    consuming,
    create,
    get,
    listing,
    status_patch,
    status_put,
    update,
)
from bench.apibench.operations.interface import Operation

OPERATIONS: Final[dict[str, Operation]] = {
    "create": create.OPERATION,
    "get": get.GET,
    "get-rv0": get.GET_RV0,
    "list": listing.OPERATION,
    "status-put": status_put.OPERATION,
    "status-patch": status_patch.OPERATION,
    "update": update.OPERATION,
    "delete": consuming.DELETE,
    "bind": consuming.BIND,
}
