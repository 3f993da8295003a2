"""What hardly a client sends, on a real etcd and on ours: the same answers, the same ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from tests.real_etcd import require_etcd
from tests.storage.serve2.etcdctl_beside_real import Server, both
from tests.storage.serve2.odd_requests import BODIES, CUT_SHORT, HEADS, RECORDS, played
from tests.storage.serve2.wire import Wire, request

pytestmark = pytest.mark.slow

GROUPS: Final = {"heads": HEADS, "bodies": BODIES, "cut short": CUT_SHORT, "records": RECORDS}


def index(endpoint: str, pads: int = 0) -> int:
    """Return a store's index after some writes."""
    wire = Wire(endpoint)
    for _ in range(pads):
        wire.ask(request("PUT", "/v2/keys/_pad", b"value="))
    told = wire.ask(request("GET", "/v2/keys")).header(b"x-etcd-index")
    wire.close()
    return int(told)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    require_etcd()
    with both(tmp_path_factory.mktemp("odd")) as (real, ours):
        yield real, ours


@pytest.fixture
def endpoints(servers: tuple[Server, Server]) -> list[str]:
    """Return where both are, at the same index."""
    told = [server.endpoint for server in servers]
    indexes = [index(endpoint) for endpoint in told]
    for endpoint, at in zip(told, indexes, strict=True):
        assert index(endpoint, max(indexes) - at) == max(indexes)
    return told


@pytest.mark.parametrize("group", GROUPS)
def test_odd_requests_are_answered_as_by_a_real_etcd(endpoints: list[str], group: str) -> None:
    requests: Sequence[bytes] = GROUPS[group]

    real, ours = (played(endpoint, requests, alone=group == "cut short") for endpoint in endpoints)

    differences = [
        (sent, want, got)
        for sent, want, got in zip(requests, real, ours, strict=True)
        if want != got
    ]
    assert differences == []
    assert index(endpoints[0]) == index(endpoints[1])


def test_metrics_tell_what_a_real_etcd_tells_of_its_store(endpoints: list[str]) -> None:
    told = []
    for endpoint in endpoints:
        wire = Wire(endpoint)
        wire.ask(request("PUT", "/v2/keys/m", b"value=1"))
        text = wire.ask(request("GET", "/metrics")).body.decode()
        told.append(set(re.findall(r'(?m)^(etcd_debugging_store_\w+(?:\{action="set"\})?) ', text)))
        wire.close()

    assert told[1] >= {name for name in told[0] if "watch_requests" not in name}
