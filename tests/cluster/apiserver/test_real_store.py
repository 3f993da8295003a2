"""One etcd, ours and a real API server's: what we store is what it expects, and the reverse.

The golden records say what a real API server was asked, answered and stored.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Final, cast

import pytest
from google.protobuf.message import Message
from grpc import aio

from serialization.api.etcd import kv_pb2
from serialization.api.etcd import rpc_pb2 as rpc
from serialization.codecs.registry import CODECS
from serialization.kinds import SCHEME
from serialization.normal import normalize
from serialization.scheme import metadata_of
from storage.clock import SystemClock
from storage.remote.etcd3.keys import ALL, end_of
from storage.remote.etcd3.store import RemoteStore
from storage.remote.url import parse_url
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import PROTOBUF, recorded_strategies
from tests.cluster.apiserver.recorded import differences
from tests.cluster.apiserver.serving import InProcess, Json, serving
from tests.etcd_members import EtcdCluster
from tests.real_etcd import require_etcd
from tests.storage.serve.served import call

CODEC: Final = CODECS["protobuf"]
OURS: Final = "/ours"
SERVED: Final = frozenset(each.resource.kind for each in recorded_strategies())

FILLED_IN: Final = {
    "PersistentVolumeClaim-2": "status.phase, which Kubernetes fills in whenever it reads a claim",
    "ReplicationController-2": "labels from its template's, which it fills in likewise",
}
"""Objects that we store with something in it that a real API server leaves out, and why."""

NOT_RECORDED: Final = (
    b"/registry/ipaddresses/",  # claims on addresses, as IPAddress objects: so Kubernetes has them
    b"/registry/kubedyno.dev/",  # our own: claims on node ports, and how many servers there are
    b"/registry/namespaces/default",
    b"/registry/namespaces/kube-",
)
"""Keys that we write beside the objects that were posted."""

RECORDED_JSON: Final = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"%s",' + (
    b'"namespace":"golden","uid":"3b3a","creationTimestamp":"2026-11-23T00:22:14Z"},'
    b'"data":{"a":"b"}}\n'
)

FOREIGN: Final = {
    b"compact_rev_key": b"35",
    b"/registry/health": b"",
    b"/registry/masterleases/10.0.0.1": b'k8s\0\n\x0f\n\x02v1\x12\tEndpoints\x12\0\x1a\0"\0',
    b"/registry/ranges/servicenodeports": (
        b'k8s\0\n\x15\n\x02v1\x12\x0fRangeAllocation\x12\x02\n\0\x1a\0"\0'
    ),
    b"/registry/ipaddresses/10.96.119.236": (
        b'k8s\0\n!\n\x14networking.k8s.io/v1\x12\tIPAddress\x12\x02\n\0\x1a\0"\0'
    ),
    b"/registry/apiregistration.k8s.io/apiservices/v1.": b'{"kind":"APIService"}\n',
}
"""What a real API server has in its etcd beside objects of kinds that are served here."""

CORRUPT: Final = {
    "encrypted": b"k8s:enc:aescbc:v1:key1:\x01\x02\x03",
    "binary": b"\xff\xfe\x00",
    "empty": b"",
    "torn envelope": b"k8s\0\n\x0f\n\x02v1",
    "torn object": b'k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x03\xff\xff\xff\x1a\0"\0',
    "torn JSON": b'{"kind":"ConfigMap","apiVersion":"v1","meta',
    "another kind": b'{"kind":"Secret","apiVersion":"v1","metadata":{"name":"torn"}}',
    "no kind": b'{"metadata":{"name":"torn"}}',
}


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    require_etcd()
    cluster = EtcdCluster(tmp_path_factory.mktemp("etcd"))
    asyncio.run(cluster.start())
    yield cluster
    cluster.kill()


def records() -> list[dict[str, str]]:
    lines = (golden("objects") / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def recorded(name: str) -> bytes:
    return (golden("objects") / name).read_bytes()


def store_at(etcd: EtcdCluster, prefix: str = "") -> RemoteStore:
    return RemoteStore(parse_url(etcd.url + (f"?prefix={prefix}" if prefix else "")), SystemClock())


async def stored(etcd: EtcdCluster, prefix: bytes) -> dict[bytes, kv_pb2.KeyValue]:
    """Return what stands under a prefix, by the rest of its keys, read past our store."""
    request = rpc.RangeRequest(key=prefix or ALL, range_end=end_of(prefix))
    async with aio.insecure_channel(etcd.endpoints[0]) as channel:
        answer = await call(channel, "KV/Range", request, rpc.RangeResponse)
    return {kv.key.removeprefix(prefix): kv for kv in answer.kvs}


async def put(etcd: EtcdCluster, values: dict[bytes, bytes], prefix: bytes = b"") -> None:
    """Write past our store, as another server does."""
    async with aio.insecure_channel(etcd.endpoints[0]) as channel:
        for key, value in values.items():
            request = rpc.PutRequest(key=prefix + key, value=value)
            await call(channel, "KV/Put", request, rpc.PutResponse)


def post_all(api: InProcess) -> dict[str, dict[str, str]]:
    """Post what was posted to the recorded server; return each object's metadata, by its id."""
    made = {}
    for record in records():
        if record["kind"] not in SERVED:
            continue
        posted = api.call("POST", record["createPath"], recorded(f"{record['id']}.request.json"))
        assert posted.code == 201, posted.body
        if "statusPath" in record:
            body = recorded(f"{record['id']}.status.request.json")
            assert api.call("PUT", record["statusPath"], body).code == 200
        made[record["id"]] = cast("dict[str, str]", posted.json()["metadata"])
    return made


def comparable(name: str, value: bytes) -> tuple[tuple[str, str], Message]:
    """Return a stored value without what is of one run, and without managedFields."""
    assert value.startswith(b"k8s\0")
    assert value.endswith(b'\x1a\0"\0')  # as Kubernetes ends an envelope: no encoding, no type
    kind, bare = CODEC.unwrap(value)
    message = CODEC.decode_bare(SCHEME.by_kind(*kind).message, bare)
    meta = metadata_of(message)
    assert meta.uid
    assert meta.HasField("creationTimestamp")
    assert not meta.resourceVersion
    for field in ("managedFields", "uid", "creationTimestamp"):
        meta.ClearField(field)
    if meta.generateName:
        assert meta.name.startswith(meta.generateName)
        meta.name = "generated"
    if name == "Service-1":  # its address was drawn
        message.spec.clusterIP = "drawn"  # type: ignore[attr-defined]  # a Service
        message.spec.clusterIPs[:] = ["drawn"]  # type: ignore[attr-defined]  # a Service
    if kind.kind == "PersistentVolume":
        message.status.ClearField("lastPhaseTransitionTime")  # type: ignore[attr-defined]
    return kind, normalize(message)


@pytest.mark.slow
def test_what_we_store_is_what_a_real_api_server_stored(etcd: EtcdCluster) -> None:
    with serving(recorded_strategies(), store=store_at(etcd, OURS)) as api:
        made = post_all(api)
        found = api.run(stored(etcd, OURS.encode()))
    differ = {}

    for record in records():
        name = record["id"]
        if name not in made:
            continue
        key = record["etcdKey"].encode()
        if "generateName" in made[name]:
            key = key.rpartition(b"/")[0] + b"/" + made[name]["name"].encode()
        kv = found.pop(key)
        assert kv.version == int(record["keyVersion"]), name
        assert bool(kv.lease) is bool(record["lease"]), name
        if comparable(name, kv.value) != comparable(name, recorded(f"{name}.stored.bin")):
            differ[name] = kv.value

    assert set(differ) == set(FILLED_IN)
    assert [key for key in found if not key.startswith(NOT_RECORDED)] == []
    assert len(made) == 43


def answers(api: InProcess, record: dict[str, str], revision: int) -> list[str]:
    """Return how our answers to GET differ from the recorded ones, but for the resourceVersion."""
    wanted = cast("Json", json.loads(recorded(f"{record['id']}.response.json")))
    cast("Json", wanted["metadata"])["resourceVersion"] = str(revision)
    text = api.call("GET", record["getPath"])
    binary = api.call("GET", record["getPath"], headers={"accept": PROTOBUF})
    assert (text.code, binary.code) == (200, 200), record["id"]
    kind, bare = CODEC.unwrap(binary.body)
    message = CODEC.decode_bare(SCHEME.by_kind(*kind).message, bare)
    read = json.loads(CODECS["json"].encode(kind, message))
    return [*differences(wanted, text.json()), *differences(wanted, read)]


def names_of(api: InProcess, path: str) -> list[str]:
    """Return the names of a list."""
    listing = api.call("GET", path)
    assert listing.code == 200, listing.body
    items = cast("list[dict[str, dict[str, str]]]", listing.json()["items"])
    return [item["metadata"]["name"] for item in items]


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["protobuf", "json", "orjson"])
def test_what_a_real_api_server_stored_is_answered_as_it_answered(
    etcd: EtcdCluster, codec: str
) -> None:
    """Our server begins over the etcd of a real one, and leaves alone what it does not know.

    Whatever ``codec`` it stores in itself.
    """
    prefix = "" if codec == "protobuf" else f"/{codec}"
    left = {
        record["etcdKey"].encode(): recorded(f"{record['id']}.stored.bin") for record in records()
    }
    left |= FOREIGN
    left[b"/registry/configmaps/golden/in-json"] = RECORDED_JSON % b"in-json"
    left[b"/registry/configmaps/golden/torn"] = CORRUPT["torn object"]
    asyncio.run(put(etcd, left, prefix.encode()))

    store = store_at(etcd, prefix)
    with serving(recorded_strategies(), storage_codec=codec, store=store) as api:
        before = api.run(stored(etcd, prefix.encode()))
        read = 0
        for record in records():
            if record["kind"] not in SERVED:
                continue
            kv = before[record["etcdKey"].encode()]
            assert answers(api, record, kv.mod_revision) == [], record["id"]
            path, _, name = record["getPath"].rpartition("/")
            assert name in names_of(api, path)
            read += 1
        assert read == 43
        in_json = api.call("GET", "/api/v1/namespaces/golden/configmaps/in-json")
        assert in_json.json()["data"] == {"a": "b"}
        assert api.call("GET", "/api/v1/namespaces/golden/configmaps/torn").code == 500

        service = api.call("GET", "/api/v1/namespaces/golden/services/svc-min").json()
        cast("Json", service["metadata"])["labels"] = {"touched": "yes"}
        put_back = api.call("PUT", "/api/v1/namespaces/golden/services/svc-min", service)
        assert put_back.code == 200, put_back.body
        twice: Json = {
            "metadata": {"name": "thief"},
            "spec": {"clusterIP": "10.96.119.236", "ports": [{"port": 80}]},
        }
        assert api.call("POST", "/api/v1/namespaces/golden/services", twice).code == 422
        after = api.run(stored(etcd, prefix.encode()))

    for key in FOREIGN:
        assert after[key] == before[key]
    unknown = [r["etcdKey"].encode() for r in records() if r["kind"] not in SERVED]
    assert len(unknown) == 33
    assert [after[key].value for key in unknown] == [left[key] for key in unknown]


@pytest.mark.slow
@pytest.mark.parametrize("name", CORRUPT)
def test_value_that_cannot_be_read_spoils_nothing_else(etcd: EtcdCluster, name: str) -> None:
    prefix = f"/corrupt-{name.replace(' ', '-')}"
    path = "/api/v1/namespaces/default/configmaps"
    key = prefix.encode() + b"/registry/configmaps/default/torn"

    with serving(recorded_strategies(), store=store_at(etcd, prefix)) as api:
        api.create(path, {"metadata": {"name": "sound"}})
        api.run(put(etcd, {key: CORRUPT[name]}))

        got = api.call("GET", f"{path}/torn")
        names = names_of(api, path)
        deleted = api.call("DELETE", f"{path}/torn")
        created = api.call("POST", path, {"metadata": {"name": "torn"}})

        assert got.code == 500, got.body
        assert got.json()["status"] == "Failure"
        if name == "encrypted":
            assert got.json()["message"] == "identity transformer tried to read encrypted data"
        assert names == ["sound"]
        assert deleted.code == 500, deleted.body
        assert created.code == 409, created.body

        api.run(put(etcd, {key: RECORDED_JSON % b"torn"}))
        assert api.call("GET", f"{path}/torn").code == 200
        assert api.call("DELETE", f"{path}/torn").code == 200
        assert api.call("GET", f"{path}/torn").code == 404


@pytest.mark.slow
def test_event_ends_with_its_lease_and_not_before(etcd: EtcdCluster) -> None:
    """As ``kubectl get events`` sees it; the lease is revoked, an hour before it would end."""
    path = "/api/v1/namespaces/default/events"
    event: Json = {
        "metadata": {"name": "pulled"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "a"},
        "reason": "Pulled",
    }

    with serving(recorded_strategies(), store=store_at(etcd, "/events")) as api:
        made = api.create(path, event)
        second = api.create(path, {**event, "metadata": {"name": "started"}})
        patched = {**second, "count": 2}
        assert api.call("PUT", f"{path}/started", patched).code == 200
        assert names_of(api, path) == ["pulled", "started"]
        leases = {kv.lease for kv in api.run(stored(etcd, b"/events/registry/events/")).values()}
        assert len(leases) == 1
        api.run(revoke(etcd, leases.pop()))

        assert names_of(api, path) == []
        assert api.call("GET", f"{path}/pulled").code == 404
        version = cast("dict[str, str]", made["metadata"])["resourceVersion"]
        watched = api.call("GET", f"{path}?watch=true&timeoutSeconds=1&resourceVersion={version}")
        told = [json.loads(line) for line in watched.body.splitlines()]
        assert [each["type"] for each in told] == ["ADDED", "MODIFIED", "DELETED", "DELETED"]
        assert api.create(path, event)["metadata"] != made["metadata"]


async def revoke(etcd: EtcdCluster, lease: int) -> None:
    """End a lease past our store."""
    request = rpc.LeaseRevokeRequest(ID=lease)
    async with aio.insecure_channel(etcd.endpoints[0]) as channel:
        await call(channel, "Lease/LeaseRevoke", request, rpc.LeaseRevokeResponse)
