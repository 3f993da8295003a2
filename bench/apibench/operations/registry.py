"""The operations by name. A new one is a file here beside and a line below."""

from __future__ import annotations

from typing import Final

from bench.apibench.operations import create, get
from bench.apibench.operations.interface import Operation

OPERATIONS: Final[dict[str, Operation]] = {
    "create": create.OPERATION,
    "get": get.GET,
    "get-rv0": get.GET_RV0,
}
