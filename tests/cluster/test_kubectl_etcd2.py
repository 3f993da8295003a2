"""kubectl against a cluster that stores in etcd 2: what that declares is not people's trouble."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.kubelet.fleet import FleetOptions
from storage.registry import STORES, StoreOptions
from tests.cluster.kubectl import CLOCK, WAIT, Kubectl, with_kubectl, write_files

pytestmark = pytest.mark.slow

FLEET = FleetOptions(nodes=2)
WEB = """\
apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: 5
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: "example/main:1"}]
"""
SETTINGS = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: "%s"}\n'


def test_kubectl_on_etcd_2(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"web.yaml": WEB})
    store = STORES["etcd2"].make(StoreOptions(tmp_path / "data", CLOCK))

    async def scenario(kubectl: Kubectl) -> None:
        assert "created" in await kubectl("apply", "-f", "web.yaml")
        assert "unchanged" in await kubectl("apply", "-f", "web.yaml")
        replicas = "{.status.readyReplicas}"
        await kubectl("wait", f"--for=jsonpath={replicas}=5", "rc/web", WAIT)

        whole = await kubectl("get", "pods", "--chunk-size=2", "-o", "name")
        assert len(whole.lines) == 5, "a limit is ignored: the first answer is the whole list"
        raw = json.loads((await kubectl("get", "--raw", "/api/v1/pods?limit=2")).out)
        assert len(raw["items"]) == 5
        assert "continue" not in raw["metadata"]
        exact = "/api/v1/pods?resourceVersion=2&resourceVersionMatch=Exact"
        assert "too old" in await kubectl.refused("get", "--raw", exact)

        async with kubectl.following("get", "configmaps", "--watch", "-o", "name") as watch:
            await kubectl("apply", "-f", "-", stdin=SETTINGS % "1")
            assert await watch.until("settings") == ["configmap/settings"]
            await kubectl("apply", "-f", "-", stdin=SETTINGS % "2")
            assert await watch.line() == "configmap/settings"
        value = await kubectl("get", "cm/settings", "-o", "jsonpath={.data.a}")
        assert value.out == "2"

        await kubectl.until_told(["SuccessfulCreate", "Scheduled", "Started"], "get", "events")
        assert "deleted" in await kubectl("delete", "rc/web", WAIT)
        await kubectl("wait", "--for=delete", "pods", "-l", "app=web", WAIT)

    with_kubectl(program, tmp_path, scenario, FLEET, store)
