"""What failures of calls mean: may it go better elsewhere, is it sure that nothing happened."""

from __future__ import annotations

import pytest

from storage.errors import StoreClosedError, StoreError, StoreUnavailableError
from storage.remote.etcd3.failures import CLOSED, CallError, read_failure


@pytest.mark.parametrize(
    ("code", "details", "meaning", "refused"),
    [
        ("UNAVAILABLE", "the connection broke", StoreUnavailableError, False),
        ("UNAVAILABLE", "the call was not sent: no connection", StoreUnavailableError, True),
        ("UNAVAILABLE", "etcdserver: no leader", StoreUnavailableError, True),
        ("UNAVAILABLE", "etcdserver: leader changed", StoreUnavailableError, False),
        ("DEADLINE_EXCEEDED", "no answer in time", StoreUnavailableError, False),
        # etcd 3.4 while it has no leader: a deadline of its own, or the one that the call shows.
        ("UNKNOWN", "context deadline exceeded", StoreUnavailableError, False),
        ("UNKNOWN", "context canceled", StoreUnavailableError, False),
        ("UNKNOWN", "raft proposal dropped", StoreUnavailableError, False),
        ("UNKNOWN", "something else", StoreError, False),
        ("INVALID_ARGUMENT", "etcdserver: key is not provided", StoreError, False),
        ("CANCELLED", CLOSED, StoreClosedError, False),
    ],
)
def test_failed_read_says_whether_another_try_may_do(
    code: str, details: str, meaning: type[StoreError], *, refused: bool
) -> None:
    error = CallError(code, details)

    assert type(read_failure(error, 0, 1, 9)) is meaning
    assert error.passing == (meaning is StoreUnavailableError)
    assert error.refused is refused
    assert not error.answered or meaning is StoreError
