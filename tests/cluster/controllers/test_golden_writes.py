"""What the controllers of a real Kubernetes 1.36 wrote, and ours write in the same states.

Each recorded slice says which pods there were; ours are shown the same pods, one state after the
other. Names, uids, revisions and times differ; what is compared is everything else.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import pytest
from google.protobuf.message import Message

from cluster.client.interface import ObjectKey
from cluster.controllers.endpoint_slice import EndpointSliceController
from cluster.controllers.endpoints import EndpointsController
from cluster.controllers.replicas import pod_of_template
from serialization.api.apps import v1_pb2 as apps
from serialization.api.core import v1_pb2 as core
from serialization.api.discovery import v1_pb2 as discovery
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.codecs.registry import CODECS
from serialization.kinds import PODS, SCHEME
from serialization.normal import equal, normalize
from serialization.plain import plain
from tests.cluster.apiserver.conftest import golden
from tests.cluster.controllers.service_bench import Bench, pod, port, run_on, service
from tests.cluster.controllers.test_endpoints import deleted

NODE = "kn1"
OF_ITS_RUN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "generation")


M = TypeVar("M", discovery.EndpointSlice, core.Endpoints)


class Written(NamedTuple):
    """A request of a controller."""

    method: str
    path: str
    agent: str
    body: Message


@pytest.fixture(scope="module")
def recorded() -> list[Written]:
    """Return the recorded writes of the first phases, until the deployment is scaled to 0."""
    with gzip.open(golden("controllers-http.jsonl.gz"), "rt") as lines:
        return list(_read(json.loads(line) for line in lines))


def _read(records: Iterator[dict[str, Any]]) -> Iterator[Written]:
    codec = CODECS["protobuf"]
    for record in records:
        if record.get("phase", "").startswith("statefulset"):
            return
        body = record.get("reqBody")
        if record.get("method") in ("POST", "PUT") and isinstance(body, dict) and "hex" in body:
            kind, bare = codec.unwrap(bytes.fromhex(body["hex"]))
            if kind.kind in ("Endpoints", "EndpointSlice", "Pod", "ReplicaSet"):
                message = SCHEME.by_kind(*kind).message
                agent = record["reqHeaders"]["User-Agent"].rpartition("/")[2]
                made = codec.decode_bare(message, bare)
                yield Written(record["method"], record["path"], agent, made)


def without_run(message: discovery.EndpointSlice | core.Endpoints) -> dict[str, Any]:
    """Return an object without what is this run's own; pods are known by name."""
    tree: dict[str, Any] = json.loads(json.dumps(plain(normalize(message))))
    for name in (*OF_ITS_RUN, "annotations", "managedFields"):
        tree["metadata"].pop(name, None)
    for owner in tree["metadata"].get("ownerReferences", ()):
        del owner["uid"]
    targets = [each["targetRef"] for each in tree.get("endpoints") or ()]
    for subset in tree.get("subsets", ()):
        targets += [each["targetRef"] for each in subset.get("addresses", ())]
        subset.get("addresses", []).sort(key=lambda each: (each["ip"], each["targetRef"]["name"]))
    for target in targets:
        del target["uid"]
        target["namespace"] = "ns"
    return tree


def show(at: Bench, wanted: discovery.EndpointSlice) -> None:
    """Make the pods what a recorded slice tells of them."""
    there = {each.metadata.name: each for each in at.api.objects(core.Pod)}
    for endpoint in wanted.endpoints:
        name = endpoint.targetRef.name
        made = pod(name, endpoint.addresses[0], ready=endpoint.conditions.serving, nodeName=NODE)
        if endpoint.conditions.terminating:
            deleted(made)
        if name in there:
            del there[name]
            at.api.put(made)
        else:
            at.api.add(made)
    for name in there:
        at.api.remove(PODS, ObjectKey("ns", name))


def collected(at: Bench, message: type[M]) -> dict[str, Any]:
    (made,) = at.api.objects(message)
    return without_run(made)


def test_slices_are_what_a_real_controller_wrote(recorded: list[Written]) -> None:
    told = [each.body for each in recorded if isinstance(each.body, discovery.EndpointSlice)]

    async def scenario(at: Bench) -> None:
        at.api.add(core.Node(metadata=ObjectMeta(name=NODE)))
        at.api.add(service(port(80)))
        for number, wanted in enumerate(told):
            show(at, wanted)
            writes = await at.sync()

            assert [each.verb for each in writes] == ["update" if number else "create"]
            assert collected(at, discovery.EndpointSlice) == without_run(wanted)

    assert len(told) == 13
    run_on(EndpointSliceController, scenario)


def test_endpoints_are_what_a_real_controller_wrote(recorded: list[Written]) -> None:
    slices = [each.body for each in recorded if isinstance(each.body, discovery.EndpointSlice)]
    told = [without_run(e.body) for e in recorded if isinstance(e.body, core.Endpoints)]
    ours: list[dict[str, Any]] = []

    async def scenario(at: Bench) -> None:
        at.api.add(service(port(80)))
        for wanted in slices:
            show(at, wanted)
            if await at.sync():
                ours.append(collected(at, core.Endpoints))

    run_on(EndpointsController, scenario)

    assert len(told) == 9
    # Both controllers looked at their own moments: each of its states is among ours, in order.
    left = iter(ours)
    assert [each for each in told if each in left] == told


def test_pods_of_a_replica_set_are_what_a_real_controller_created(
    recorded: list[Written],
) -> None:
    sets = {
        each.body.metadata.uid: each.body
        for each in recorded
        if isinstance(each.body, apps.ReplicaSet) and each.path.endswith("/status")
    }
    pods = [each.body for each in recorded if isinstance(each.body, core.Pod)]

    for wanted in pods:
        (owner,) = wanted.metadata.ownerReferences
        made = pod_of_template(sets[owner.uid].spec.template, "ct", owner)
        made.metadata.ClearField("namespace")  # which is in the path

        assert equal(made, wanted)
    assert len(pods) == 4
