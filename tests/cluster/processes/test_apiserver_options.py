"""The limits of the API server's process, from its command line."""

from __future__ import annotations

import pytest

from cluster.processes.apiserver import parser

LIMITS = ("max_requests_inflight", "max_mutating_requests_inflight", "request_timeout")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (400, 200, 60.0)),
        (["--max-requests-inflight", "0", "--request-timeout", "0"], (0, 200, 0.0)),
        (["--max-mutating-requests-inflight", "7", "--request-timeout", "1.5"], (400, 7, 1.5)),
    ],
)
def test_limits_are_those_of_kubernetes_unless_told(
    given: list[str], expected: tuple[float, ...]
) -> None:
    arguments = parser().parse_args(given)

    assert tuple(getattr(arguments, name) for name in LIMITS) == expected


@pytest.mark.parametrize("option", ["--max-requests-inflight", "--max-mutating-requests-inflight"])
@pytest.mark.parametrize("value", ["-1", "x", "1.5"])
def test_what_is_no_number_of_requests_is_refused(option: str, value: str) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([option, value])

    assert ended.value.code == 2
