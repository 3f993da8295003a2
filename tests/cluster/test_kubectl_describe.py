"""kubectl describe: each kind, with what stands beside it (events, pods, endpoints, quotas)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import Kubectl, with_kubectl
from tests.cluster.kubectl_objects import OBJECTS, READY

pytestmark = pytest.mark.slow

DESCRIBED = {
    "rc/web": (
        "Replicas: 2 current / 2 desired",
        "Pods Status: 2 Running / 0 Waiting / 0 Succeeded / 0 Failed",
        "Normal SuccessfulCreate",
        "replication-controller Created pod: web-",
    ),
    "rs/back": ("Selector: app=back,app", "replicaset-controller Created pod: back-"),
    "pods -l app=web": (
        "Controlled By: ReplicationController/web",
        "Limits: cpu: 200m Requests: cpu: 100m memory: 64Mi",
        "Liveness: http-get http://:http/ delay=0s timeout=1s period=10s #success=1 #failure=3",
        "SECRET: <set to the key 'a' in secret 'keys'> Optional: false",
        "/scratch from scratch (rw)",
        "QoS Class: Burstable",
        "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s",
        "default-scheduler Successfully assigned default/web-",
        "kubelet Started container main",
    ),
    "svc/web": (
        "Type: NodePort",
        "IP Family Policy: SingleStack",
        "TargetPort: http/TCP",
        "Endpoints: 10.0.0.",
        "Session Affinity: None",
    ),
    "svc/elsewhere": ("Type: ExternalName", "External Name: example.com"),
    "ep/by-hand": ("Addresses: 10.1.2.3", "NotReadyAddresses: <none>", "<unset> 80 TCP"),
    "endpointslice/by-hand": ("AddressType: IPv4", "- Addresses: 10.1.2.3"),
    "endpointslices -l kubernetes.io/service-name=web": (
        "Ports: Name Port Protocol",
        "Ready: true",
        "NodeName: hollow-node-0",
    ),
    "cm/settings": ("Data ==== colour: ---- green", "BinaryData ==== raw: 3 bytes"),
    "secret/keys": ("Type: Opaque", "a: 1 bytes"),
    "sa/bot": ("Mountable secrets: keys",),
    "quota/most": ("Resource Used Hard",),
    "limits/bounds": ("Container cpu - 2 100m 1 -",),
    "pv/disk": ("Capacity: 1Gi", "Type: HostPath (bare host directory volume)"),
    "pvc/claim": ("Status: Pending", "Used By: <none>"),
    "lease/leader": ("Holder Identity: me", "Lease Duration Seconds: 15"),
    "ev/odd": ("Involved Object: Kind: Pod Name: x", "Reason: Odd"),
    "ns/default": (
        "Labels: kubernetes.io/metadata.name=default",
        "Resource Quotas Name: most",
        "Container cpu - 2 100m 1 -",
    ),
    "no/hollow-node-0": (
        "Taints: <none>",
        "Ready True",
        "KubeletReady kubelet is posting ready status",
        "InternalIP: 172.16.0.",
        "Non-terminated Pods: (3 in total)",
        "cpu 200m (2%) 400m (5%)",
        "kubelet Starting kubelet.",
    ),
}


def test_each_kind_is_described(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=OBJECTS)
        for wait in READY:
            await kubectl(*wait)

        for what, texts in DESCRIBED.items():
            await kubectl.until_told(texts, "describe", *what.split())
        missing = await kubectl.refused("describe", "svc", "nope")
        assert missing == 'Error from server (NotFound): services "nope" not found\n'
        begins = await kubectl("describe", "pod", "back")
        assert begins.out.split()[:1] == ["Name:"]
        assert "Controlled By: ReplicaSet/back" in begins
        quiet = await kubectl("describe", "rc", "web", "--show-events=false")
        assert "Events:" not in quiet
        made = "jsonpath={.items[*].metadata.name}"
        of_web = "involvedObject.kind=ReplicationController,involvedObject.name=web"
        await kubectl.until_listed(
            lambda names: len(names) == 2, "get", "events", "--field-selector", of_web, "-o", made
        )
        told = await kubectl("events", "--for", "rc/web")
        assert len(told.rows) == 2
        warnings = await kubectl.try_("events", "--types=Warning", "-A")
        assert warnings.err == "No events found.\n"

    with_kubectl(program, tmp_path, scenario, FleetOptions(nodes=1))
