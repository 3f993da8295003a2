"""kubectl create, run and expose: objects from arguments, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.kubelet.fleet import FleetOptions
from tests.cluster.kubectl import WAIT, Kubectl, with_kubectl, write_files

pytestmark = pytest.mark.slow

FLEET = FleetOptions(nodes=1)
GENERATED = {
    "configmap c --from-literal=a=b --from-file=some.txt": "configmap/c",
    "secret generic s --from-literal=a=b --type=x/y": "secret/s",
    "secret docker-registry d --docker-server=s --docker-username=u --docker-password=p": (
        "secret/d"
    ),
    "service clusterip ip --tcp=80:8080": "service/ip",
    "service clusterip headless --clusterip=None": "service/headless",
    "service nodeport port --tcp=80 --node-port=30080": "service/port",
    "service loadbalancer balanced --tcp=80": "service/balanced",
    "service externalname elsewhere --external-name=a.b": "service/elsewhere",
    "namespace more": "namespace/more",
    "serviceaccount bot": "serviceaccount/bot",
    "quota q --hard=pods=2 --scopes=BestEffort": "resourcequota/q",
}
REFUSED = {
    "configmap c": 'configmaps "c" already exists',
    "configmap Not_A_Name": 'ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: ',
    "configmap c -n nowhere": 'namespaces "nowhere" not found',
    "service nodeport taken --tcp=80 --node-port=30080": "provided port is already allocated",
    "service clusterip taken --clusterip=1.2.3.4 --tcp=80": "does not match the current range",
    "quota q2 --hard=cpu=1 --scopes=BestEffort": "unsupported scope applied to resource",
    "deployment d --image=i": "the server could not find the requested resource",
    "job j --image=i": "the server could not find the requested resource",
    "role r --verb=get --resource=pods": "the server could not find the requested resource",
    "token bot": "the server could not find the requested resource",
    "pdb p --selector=a=b --min-available=1": "the server could not find the requested resource",
}


def test_objects_are_made_from_arguments(program: str, tmp_path: Path) -> None:
    write_files(tmp_path, {"some.txt": "hello"})

    async def scenario(kubectl: Kubectl) -> None:
        for arguments, name in GENERATED.items():
            assert (await kubectl("create", *arguments.split())).out == f"{name} created\n"
        for arguments, reason in REFUSED.items():
            said = await kubectl.refused("create", *arguments.split())
            assert reason in said, said

        told = json.loads((await kubectl("get", "cm/c", "secret/s", "svc/ip", "-o", "json")).out)
        config_map, secret, service = told["items"]
        assert config_map["data"] == {"a": "b", "some.txt": "hello"}
        assert (secret["type"], secret["data"]) == ("x/y", {"a": "Yg=="})
        assert service["spec"]["ports"][0]["targetPort"] == 8080
        tried = await kubectl("create", "ns", "tried", "--dry-run=server", "-o", "json")
        assert json.loads(tried.out)["status"] == {"phase": "Active"}
        for how in ("server", "client"):
            assert (await kubectl("create", "sa", "x", f"--dry-run={how}", "-o", "name")).out == (
                "serviceaccount/x\n"
            )
        assert len((await kubectl("get", "ns,sa", "-o", "name")).lines) == 4 + 2

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_pods_are_run_and_exposed(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        run = ("run", "one", "--image=i", "--labels=a=b", "--env=X=y", "--port=80", "--expose")
        assert (await kubectl(*run)).lines == ["pod/one created", "service/one created"]
        told = json.loads((await kubectl("get", "pod/one", "svc/one", "-o", "json")).out)
        pod, service = told["items"]
        assert pod["spec"]["containers"][0]["env"] == [{"name": "X", "value": "y"}]
        assert service["spec"]["selector"] == {"a": "b"}
        await kubectl("run", "two", "--image=i", "--restart=Never")
        overriding = '--overrides={"spec":{"nodeName":"hollow-node-0"}}'
        await kubectl("run", "three", "--image=i", overriding)
        await kubectl("wait", "pod", "--all", "--for=condition=Ready", WAIT)
        policies = "jsonpath={.items[*].spec.restartPolicy}"
        assert (await kubectl("get", "pods", "-o", policies)).out == "Always Always Never"

        exposed = await kubectl("expose", "pod", "two", "--port=81", "--type=NodePort")
        assert exposed.out == "service/two exposed\n"
        await kubectl("expose", "svc", "one", "--name=again", "--port=90", "--target-port=80")
        ready = "--for=jsonpath={.subsets[0].addresses[0].ip}"
        await kubectl("wait", ready, "ep/one", "ep/two", "ep/again", WAIT)
        assert ":80" in (await kubectl("get", "ep", "again")).rows[0][1]
        for command in ("exec two -- ls", "attach two", "debug two --image=i"):
            assert "the server could not find the requested resource" in await kubectl.refused(
                *command.split()
            )

    with_kubectl(program, tmp_path, scenario, FLEET)


def test_fields_are_validated_as_told(program: str, tmp_path: Path) -> None:
    bad = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad","nme":"x"},"foo":1}'

    async def scenario(kubectl: Kubectl) -> None:
        strict = await kubectl.refused("create", "-f", "-", stdin=bad)
        assert 'strict decoding error: unknown field "foo", unknown field "metadata.nme"' in strict
        assert "is invalid" not in strict
        applied = await kubectl.refused("apply", "-f", "-", stdin=bad)
        assert 'unknown field "metadata.nme"' in applied
        warned = await kubectl.try_("create", "-f", "-", "--validate=warn", stdin=bad)
        assert (warned.code, warned.out) == (0, "configmap/bad created\n")
        assert 'Warning: unknown field "metadata.nme"' in warned.err
        ignored = bad.replace('"bad"', '"ignored"')
        await kubectl("create", "-f", "-", "--validate=ignore", stdin=ignored)
        wrong = bad.replace('"foo":1', '"data":{"a":1}')
        mistyped = await kubectl.refused("create", "-f", "-", "--validate=false", stdin=wrong)
        assert "json: cannot unmarshal number into" in mistyped
        unknown = '{"apiVersion":"apps/v1","kind":"Nothing","metadata":{"name":"x"}}'
        assert 'no matches for kind "Nothing" in version "apps/v1"' in await kubectl.refused(
            "create", "-f", "-", stdin=unknown
        )

    with_kubectl(program, tmp_path, scenario, FLEET)
