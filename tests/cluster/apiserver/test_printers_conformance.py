"""What every kind's table promises (``tables.interface``), over the registry."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message

from cluster.apiserver.registry import served
from cluster.apiserver.tables.interface import NAME, Printer
from cluster.apiserver.tables.registry import PRINTERS

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("message", "printer"), PRINTERS.items(), ids=[each.__name__ for each in PRINTERS]
)
def test_printer_fills_every_column_even_of_an_empty_object(
    message: type[Message], printer: Printer[Message]
) -> None:
    obj = message()

    cells = printer.cells(obj, NOW)

    assert all(isinstance(cell, str | int) for cell in cells)
    for cell, column in zip(cells, printer.columns, strict=True):
        # Not the other way round: Kubernetes calls an event's count a string.
        assert column.type != "integer" or isinstance(cell, int)
    assert obj == message()


@pytest.mark.parametrize("printer", PRINTERS.values(), ids=lambda each: type(each).__name__)
def test_printer_s_columns_have_names_of_their_own(printer: Printer[Message]) -> None:
    names = [column.name for column in printer.columns]

    assert all(names)
    assert len(set(names)) == len(names)
    assert any(column.priority == 0 for column in printer.columns)


def test_printers_are_of_kinds_that_are_served() -> None:
    assert set(PRINTERS) <= {strategy.resource.message for strategy in served()}
    assert NAME.format == "name"
