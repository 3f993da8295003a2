"""kubectl apply, diff, edit, replace: files against what is there, client-side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import Kubectl, with_kubectl, write_files
from tests.cluster.kubectl_objects import OBJECTS

pytestmark = pytest.mark.slow

FLEET = FleetOptions(nodes=1)
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, labels: {tier: front, kept: "yes"}}
spec:
  selector: {app: web}
  ports: [{name: a, port: 80}, {name: b, port: 81}]
"""
CHANGED = """\
apiVersion: v1
kind: Service
metadata: {name: web, labels: {tier: back}}
spec:
  selector: {app: web}
  ports: [{name: b, port: 82}]
"""
FILES = {
    "tree/a.yaml": 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: "1"}\n',
    "tree/deep/b.json": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b"}}',
    "tree/deep/c.yml": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n"
    "  metadata: {name: c}\n",
    "tree/notes.txt": "no object",
}
# What an apply finds in the defaults of lists that are replaced whole, and in what is written only.
CONFIGURED_AGAIN = {
    "endpointslice.discovery.k8s.io/by-hand configured",
    "secret/keys configured",
}


async def object_of(kubectl: Kubectl, *what: str) -> dict[str, object]:
    told: dict[str, object] = json.loads((await kubectl("get", *what, "-o", "json")).out)
    return told


def test_each_kind_is_applied_and_then_unchanged(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"objects.yaml": OBJECTS})

    async def scenario(plain: Kubectl) -> None:
        kubectl = plain.with_tools()
        first = (await kubectl("apply", "-f", "objects.yaml")).lines
        assert len(first) == 16
        assert {line.split()[1] for line in first} == {"created"}
        again = (await kubectl("apply", "-f", "objects.yaml")).lines
        assert len(again) == 16
        assert {line for line in again if "unchanged" not in line} == CONFIGURED_AGAIN
        for kind in ("rc/web", "cm/settings", "lease.coordination.k8s.io/leader"):
            last = await kubectl("apply", "view-last-applied", kind, "-o", "json")
            assert json.loads(last.out)["metadata"]["name"] == kind.partition("/")[2]
        same = await kubectl("diff", "-f", "objects.yaml")
        assert same.out == ""

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_apply_changes_and_takes_away_what_the_file_says(program: str, tmp_path: Path) -> None:
    async def scenario(plain: Kubectl) -> None:
        kubectl = plain.with_tools()
        await kubectl("apply", "-f", "-", stdin=SERVICE)
        await kubectl("label", "svc", "web", "mine=stays")
        before = await object_of(kubectl, "svc", "web")
        changes = await kubectl.try_("diff", "-f", "-", stdin=CHANGED)
        assert changes.code == 1
        removed = {line[1:].strip() for line in changes.out.splitlines() if line.startswith("-  ")}
        assert {'kept: "yes"', "tier: front", "port: 80", "port: 81"} <= removed

        configured = await kubectl("apply", "-f", "-", stdin=CHANGED)
        assert configured.out == "service/web configured\n"
        after = yaml.safe_load((await kubectl("get", "svc", "web", "-o", "yaml")).out)
        assert after["metadata"]["labels"] == {"tier": "back", "mine": "stays"}
        (port,) = after["spec"]["ports"]
        assert (port["name"], port["port"], port["protocol"]) == ("b", 82, "TCP")
        assert isinstance(before["spec"], dict)
        assert after["spec"]["clusterIP"] == before["spec"]["clusterIP"]
        unchanged = await kubectl.try_("diff", "-f", "-", stdin=CHANGED)
        assert (unchanged.code, unchanged.out) == (0, "")
        immutable = CHANGED.replace("spec:", "spec:\n  clusterIP: 10.96.0.77")
        refused = await kubectl.refused("apply", "-f", "-", stdin=immutable)
        assert "spec.clusterIPs[0]: Invalid value" in refused
        assert "may not change once set" in refused or "field is immutable" in refused

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_folders_are_applied(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, FILES)

    async def scenario(kubectl: Kubectl) -> None:
        flat = await kubectl("apply", "-f", "tree")
        assert flat.out == "configmap/a created\n"
        deep = await kubectl("apply", "-R", "-f", "tree")
        assert deep.lines == ["configmap/a unchanged", "configmap/b created", "secret/c created"]
        pruned = await kubectl.try_(
            *("apply", "-f", "tree", "--prune", "--all"),
            *("--prune-allowlist=core/v1/ConfigMap", "-n", "default"),
        )
        assert pruned.code == 0, pruned
        assert sorted(pruned.out.splitlines()) == ["configmap/a unchanged", "configmap/b pruned"]
        gone = await kubectl("delete", "-R", "-f", "tree", "--ignore-not-found")
        assert len(gone.lines) == 2

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_objects_are_replaced_and_edited(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"s.yaml": SERVICE, "changed.yaml": CHANGED})
    write_files(tmp_path, {"editor": '#!/bin/sh\nexec sed -i "s/port: 82/port: $PORT/" "$1"\n'})
    (tmp_path / "editor").chmod(0o755)

    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "s.yaml", "--save-config")
        assert (await kubectl("replace", "-f", "changed.yaml")).out == "service/web replaced\n"
        assert (await kubectl("get", "svc", "web")).rows[0][4] == "82/TCP"
        uid = (await kubectl("get", "svc", "web", "-o", "jsonpath={.metadata.uid}")).out
        await kubectl("replace", "--force", "-f", "changed.yaml")
        assert (await kubectl("get", "svc", "web", "-o", "jsonpath={.metadata.uid}")).out != uid

        editing = kubectl.with_tools(KUBE_EDITOR=str(tmp_path / "editor"), PORT="83")
        assert (await editing("edit", "svc", "web")).out == "service/web edited\n"
        assert (await kubectl("get", "svc", "web")).rows[0][4] == "83/TCP"
        same = await editing.try_("edit", "svc", "web")
        assert "Edit cancelled, no changes made." in same.out + same.err
        await kubectl("replace", "-f", "changed.yaml")
        wrong = kubectl.with_tools(KUBE_EDITOR=str(tmp_path / "editor"), PORT="123456")
        refused = await wrong.refused("edit", "svc", "web")
        assert 'error: services "web" is invalid' in refused
        assert "Edit cancelled, no valid changes were saved." in refused
        stale = CHANGED.replace("name: web,", 'name: web, resourceVersion: "1",')
        conflict = await kubectl.refused("replace", "-f", "-", stdin=stale)
        assert "the object has been modified; please apply your changes to the latest" in conflict

    with_kubectl(program, tmp_path, scenario, FLEET)
