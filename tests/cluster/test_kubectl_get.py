"""kubectl get: each kind in its table, other forms, selectors, watches."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import WAIT, Following, Kubectl, with_kubectl, write_files
from tests.cluster.kubectl_objects import OBJECTS, READY

pytestmark = pytest.mark.slow

FLEET = FleetOptions(nodes=1)
TABLES = {
    "rc/web": r"NAME DESIRED CURRENT READY AGE CONTAINERS IMAGES SELECTOR\n"
    r"web 2 2 2 \S+ main example/main:1 app=web",
    "rs/back": r"NAME DESIRED CURRENT READY AGE CONTAINERS IMAGES SELECTOR\n"
    r"back 1 1 1 \S+ main example/main:1 app=back,app",
    "svc/web": r"NAME TYPE CLUSTER-IP EXTERNAL-IP PORT\(S\) AGE SELECTOR\n"
    r"web NodePort 10\.96\.\S+ <none> 80:3\d+/TCP,81:3\d+/UDP \S+ app=web",
    "svc/elsewhere": r"NAME .*\nelsewhere ExternalName <none> example.com <none> \S+ <none>",
    "svc/headless": r"NAME .*\nheadless ClusterIP None <none> <none> \S+ app=back",
    "ep/by-hand": r"NAME ENDPOINTS AGE\nby-hand 10.1.2.3:80 \S+",
    "endpointslice/by-hand": r"NAME ADDRESSTYPE PORTS ENDPOINTS AGE\nby-hand IPv4 80 10.1.2.3 \S+",
    "cm/settings": r"NAME DATA AGE\nsettings 2 \S+",
    "secret/keys": r"NAME TYPE DATA AGE\nkeys Opaque 1 \S+",
    "sa/bot": r"NAME AGE\nbot \S+",
    "quota/most": r"NAME REQUEST LIMIT AGE\nmost \S+",
    "limits/bounds": r"NAME CREATED AT\nbounds 20\d\d-\S+Z",
    "pv/disk": r"NAME CAPACITY ACCESS MODES RECLAIM POLICY STATUS CLAIM STORAGECLASS"
    r" VOLUMEATTRIBUTESCLASS REASON AGE VOLUMEMODE\n"
    r"disk 1Gi RWO Retain Pending <unset> \S+ Filesystem",
    "pvc/claim": r"NAME STATUS VOLUME CAPACITY ACCESS MODES STORAGECLASS VOLUMEATTRIBUTESCLASS"
    r" AGE VOLUMEMODE\nclaim Pending <unset> \S+ Filesystem",
    "lease/leader": r"NAME HOLDER AGE\nleader me \S+",
    "ev/odd": r"LAST SEEN TYPE REASON OBJECT SUBOBJECT SOURCE MESSAGE FIRST SEEN COUNT NAME\n"
    r"<unknown> Normal Odd pod/x hello <unknown> 1 odd",
    "ns/default": r"NAME STATUS AGE\ndefault Active \S+",
    "no/hollow-node-0": r"NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE"
    r" KERNEL-VERSION CONTAINER-RUNTIME\n"
    r"hollow-node-0 Ready <none> \S+ v1\.32\.0\S+ 172\.\S+ <none> Hollow Linux .*",
}


async def fill(kubectl: Kubectl) -> None:
    """Make all objects, and wait until the controllers have caught up."""
    await kubectl("create", "-f", "-", stdin=OBJECTS)
    for wait in READY:
        await kubectl(*wait)


def test_each_kind_is_shown_in_its_table(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"objects.yaml": OBJECTS})

    async def scenario(kubectl: Kubectl) -> None:
        await fill(kubectl)

        for what, pattern in TABLES.items():
            told = (await kubectl("get", what, "-o", "wide")).out
            lines = "\n".join(" ".join(line.split()) for line in told.splitlines())
            assert re.fullmatch(pattern, lines), (what, lines)
        of_file = (await kubectl("get", "-f", "objects.yaml", "-o", "name")).lines
        assert len(of_file) == 16
        assert "lease.coordination.k8s.io/leader" in of_file
        all_of_them = (await kubectl("get", "all", "-o", "name")).lines
        assert [line.split("/")[0] for line in all_of_them] == [
            *("pod", "pod", "pod"),
            *("replicaset.apps", "replicationcontroller"),
            *("service", "service", "service"),
        ]
        both = (await kubectl("get", "cm,secret", "-A", "--no-headers")).out
        assert {tuple(line.split()[:2]) for line in both.splitlines() if line} == {
            ("default", "configmap/settings"),
            ("default", "secret/keys"),
        }
        plain = await kubectl("get", "cm", "--server-print=false")
        assert plain.rows[0][0] == "settings"

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_objects_are_told_in_other_forms(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await fill(kubectl)

        told = yaml.safe_load((await kubectl("get", "rc", "web", "-o", "yaml")).out)
        assert (told["apiVersion"], told["kind"]) == ("v1", "ReplicationController")
        assert told["status"]["readyReplicas"] == 2
        listed = json.loads((await kubectl("get", "pods", "-o", "json", "--chunk-size=1")).out)
        assert (listed["kind"], len(listed["items"])) == ("List", 3)
        assert {item["kind"] for item in listed["items"]} == {"Pod"}
        images = "jsonpath={range .items[*]}{.spec.containers[0].image};{end}"
        assert (await kubectl("get", "pods", "-o", images)).out == "example/main:1;" * 3
        template = "go-template={{range .items}}{{.metadata.name}} {{end}}"
        assert (await kubectl("get", "cm", "-o", template)).out == "settings "
        columns = "custom-columns=N:.metadata.name,C:.data.colour"
        assert (await kubectl("get", "cm", "-o", columns)).rows == [["settings", "green"]]
        secret = await kubectl("get", "secret", "keys", "-o", "jsonpath={.data.a}")
        assert secret.out == "Yg=="
        scale = json.loads((await kubectl("get", "rs/back", "--subresource=scale", "-o=json")).out)
        assert (scale["kind"], scale["status"]["replicas"]) == ("Scale", 1)
        raw = json.loads((await kubectl("get", "--raw", "/api/v1/namespaces/default")).out)
        assert raw["metadata"]["name"] == "default"

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_selectors_sorting_and_labels(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await fill(kubectl)

        async def names(*arguments: str) -> list[str]:
            return (await kubectl("get", *arguments, "-o", "name")).out.split()

        assert len(await names("pods", "-l", "app in (web,other),!nope")) == 2
        assert len(await names("pods", "-l", "app notin (web)")) == 1
        assert len(await names("pods", "--field-selector", "status.phase=Running")) == 3
        for selector, what in {
            "spec.type=NodePort": "svc",
            "type=Opaque": "secrets",
            "status.phase=Active,metadata.name=default": "ns",
            "status.replicas=2": "rc",
            "spec.unschedulable=false": "nodes",
            "involvedObject.name=x,reason=Odd": "events",
        }.items():
            assert len(await names(what, "--field-selector", selector)) == 1, selector
        broken = await kubectl.refused("get", "pods", "-l", "app in (web")
        assert "unable to parse requirement" in broken

        labels = (await kubectl("get", "pods", "-l", "app=back", "--show-labels")).rows
        assert labels[0][-1] == "app=back"
        column = (await kubectl("get", "pods", "-L", "app", "--sort-by=.metadata.labels.app")).rows
        assert [row[-1] for row in column] == ["back", "web", "web"]
        seen = (await kubectl("get", "events", "--sort-by=.lastTimestamp")).rows
        assert seen[0][0] == "<unknown>"
        assert (await kubectl("get", "pods", "none", "--ignore-not-found")).out == ""
        missing = await kubectl.try_("get", "po/none", "cm/settings")
        assert missing.code == 1
        assert missing.rows[0][0] == "settings"
        assert missing.err == 'Error from server (NotFound): pods "none" not found\n'
        empty = await kubectl.try_("get", "pods", "-n", "nowhere")
        assert empty.err == "No resources found in nowhere namespace.\n"
        unknown = await kubectl.refused("get", "daemonsets")
        assert unknown == 'error: the server doesn\'t have a resource type "daemonsets"\n'

    with_kubectl(program, tmp_path, scenario, FLEET)


SICK = """\
apiVersion: v1
kind: Pod
metadata:
  name: sick
  annotations: {kubedyno.dev/crash-after: "1s", kubedyno.dev/exit-code: "7"}
spec:
  containers: [{name: main, image: "example/main:1"}]
"""


async def created_until_seen(kubectl: Kubectl, watch: Following) -> str:
    """Create configmaps until a watch, which may not have begun, tells of one; returns its name."""
    for turn in range(40):
        await kubectl("create", "configmap", f"another-{turn}", "--from-literal=a=b")
        with suppress(TimeoutError):
            return (await watch.line(within_s=0.5)).removeprefix("configmap/")
    raise AssertionError("the watch tells nothing")


def test_watches_tell_what_happens(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "configmap", "first")
        async with (
            kubectl.following("get", "cm", "-w") as told,
            kubectl.following("get", "cm", "--watch-only", "-o", "name") as only,
            kubectl.following("get", "cm", "-w", "--output-watch-events", "-A") as events,
        ):
            assert (await told.line()).split() == ["NAME", "DATA", "AGE"]
            assert (await told.line()).split()[:2] == ["first", "0"]
            assert (await events.until("first"))[-1].split()[:3] == ["ADDED", "default", "first"]
            seen = await created_until_seen(kubectl, only)
            assert (await told.until(seen))[-1].split()[:2] == [seen, "1"]
            await kubectl("delete", "configmap", "first")
            last = (await events.until("DELETED"))[-1].split()
            assert last[:3] == ["DELETED", "default", "first"]

        await kubectl("create", "-f", "-", stdin=SICK)
        async with kubectl.following("get", "pods", "-w") as pods:
            crashed = (await pods.until("CrashLoopBackOff"))[-1].split()
        assert crashed[:4] == ["sick", "0/1", "CrashLoopBackOff", "1"]
        await kubectl(
            "wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/sick", WAIT
        )
        (row,) = (await kubectl("get", "pod", "sick")).rows
        assert re.fullmatch(r"1 \(\d+s ago\)", " ".join(row[3:6]))

    with_kubectl(program, tmp_path, scenario, FLEET)
