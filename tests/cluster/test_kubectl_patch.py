"""kubectl's commands that change an object in place: label, annotate, patch, scale, apply, edit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kubectl import WAIT, Kubectl, with_kubectl
from tests.cluster.test_kubectl import NODE, POD, REPLICATION_CONTROLLER

pytestmark = pytest.mark.slow

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green, size: small}
"""


async def stored(kubectl: Kubectl, *what: str) -> dict[str, Any]:
    """Return an object as it is stored."""
    told: dict[str, Any] = json.loads((await kubectl("get", *what, "-o", "json")).out)
    return told


def test_labels_and_annotations_are_set_changed_and_taken_away(
    program: str, tmp_path: Path
) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=POD)

        assert (await kubectl("label", "pod", "single", "x=y")).out == "pod/single labeled\n"
        kept = await kubectl.try_("label", "pod", "single", "x=z")
        assert kept.code == 1
        assert "'x' already has a value (y), and --overwrite is false" in kept.err
        await kubectl("label", "pod", "single", "x=z", "--overwrite")
        assert (await stored(kubectl, "pod", "single"))["metadata"]["labels"]["x"] == "z"
        assert (await kubectl("label", "pod", "single", "x-")).out == "pod/single unlabeled\n"
        assert "x" not in (await stored(kubectl, "pod", "single"))["metadata"]["labels"]

        await kubectl("annotate", "pod", "single", "note=hello")
        pod = await stored(kubectl, "pod", "single")
        assert pod["metadata"]["annotations"]["note"] == "hello"
        wrong = await kubectl.try_("label", "pod", "single", "x=not valid")
        assert wrong.code == 1

        labelled = await kubectl("label", "nodes", "--all", "zone=a")
        assert len(labelled.lines) == 3
        await kubectl("taint", "node", "hollow-node-0", "a=b:NoSchedule")
        node = await stored(kubectl, "node", "hollow-node-0")
        assert {"key": "a", "value": "b", "effect": "NoSchedule"} in node["spec"]["taints"]
        await kubectl("taint", "node", "hollow-node-0", "a-")
        await kubectl("cordon", "hollow-node-0")
        assert (await stored(kubectl, "node", "hollow-node-0"))["spec"]["unschedulable"]
        await kubectl("uncordon", "hollow-node-0")
        node = await stored(kubectl, "node", "hollow-node-0")
        assert "unschedulable" not in node["spec"]

    with_kubectl(program, tmp_path, scenario)


def test_patches_of_all_types(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=REPLICATION_CONTROLLER)

        async def patch(kind: str, body: object, *more: str) -> str:
            arguments = ("patch", "rc", "web", "--type", kind, "-p", json.dumps(body), *more)
            return (await kubectl(*arguments)).out

        container = {"name": "main", "image": "example/main:2"}
        spec = {"template": {"spec": {"containers": [container, {"name": "new", "image": "n"}]}}}
        assert await patch("strategic", {"spec": spec}) == "replicationcontroller/web patched\n"
        rc = await stored(kubectl, "rc", "web")
        containers = rc["spec"]["template"]["spec"]["containers"]
        assert [(each["name"], each["image"]) for each in containers] == [
            ("main", "example/main:2"),
            ("new", "n"),
        ]

        remove = {"op": "remove", "path": "/spec/template/spec/containers/1"}
        await patch("json", [remove])
        await patch("merge", {"spec": {"minReadySeconds": 1}})
        rc = await stored(kubectl, "rc", "web")
        assert len(rc["spec"]["template"]["spec"]["containers"]) == 1
        assert rc["spec"]["minReadySeconds"] == 1

        # No controller writes to it in between.
        await kubectl("create", "-f", "-", stdin=CONFIG_MAP)
        again = ("patch", "configmap", "settings", "-p", '{"data":{"size":"small"}}')
        assert (await kubectl(*again)).out == "configmap/settings patched (no change)\n"

        await kubectl("create", "-f", "-", stdin=NODE)
        status = {"status": {"conditions": [{"type": "Odd", "status": "True"}]}}
        arguments = ("patch", "node", "by-hand", "--subresource=status", "-p", json.dumps(status))
        await kubectl(*arguments)
        node = await stored(kubectl, "node", "by-hand")
        assert node["status"]["conditions"][0]["type"] == "Odd"

        failed = await kubectl.try_(
            "patch", "rc", "web", "--type=json", "-p", '[{"op":"remove","path":"/spec/nope"}]'
        )
        assert failed.code == 1
        assert "the server rejected our request" in failed.err
        refused = await kubectl.try_("patch", "rc", "web", "-p", '{"spec":{"replicas":-1}}')
        assert refused.code == 1
        assert "spec.replicas: Invalid value: -1" in refused.err

    with_kubectl(program, tmp_path, scenario)


def test_a_replication_controller_is_scaled(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=REPLICATION_CONTROLLER)
        await kubectl("wait", "--for=jsonpath={.status.readyReplicas}=4", "rc/web", WAIT)

        said = await kubectl("scale", "rc", "web", "--replicas=2")
        assert said.out == "replicationcontroller/web scaled\n"
        await kubectl("wait", "--for=jsonpath={.status.replicas}=2", "rc/web", WAIT)
        stale = await kubectl.try_("scale", "rc", "web", "--replicas=3", "--current-replicas=7")
        assert stale.code == 1
        assert "Expected replicas to be 7, was 2" in stale.err
        await kubectl("scale", "rc", "web", "--replicas=3", "--current-replicas=2")
        await kubectl("wait", "--for=jsonpath={.status.replicas}=3", "rc/web", WAIT)
        told = await kubectl("get", "rc", "web", "--subresource=scale", "-o", "json")
        scale = json.loads(told.out)
        assert (scale["kind"], scale["status"]["selector"]) == ("Scale", "app=web")

    with_kubectl(program, tmp_path, scenario)


def test_apply_makes_changes_and_finds_nothing_to_do(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        async def apply(text: str, *more: str) -> str:
            return (await kubectl("apply", "-f", "-", *more, stdin=text)).out

        changed = CONFIG_MAP.replace("green", "red").replace(", size: small", "")
        assert await apply(CONFIG_MAP) == "configmap/settings created\n"
        assert await apply(CONFIG_MAP) == "configmap/settings unchanged\n"
        tried = await apply(changed, "--dry-run=server")
        assert tried == "configmap/settings configured (server dry run)\n"
        assert (await stored(kubectl, "cm", "settings"))["data"]["colour"] == "green"
        assert await apply(changed) == "configmap/settings configured\n"
        assert (await stored(kubectl, "cm", "settings"))["data"] == {"colour": "red"}

        controller = REPLICATION_CONTROLLER.replace("replicas: 4", "replicas: 1")
        assert await apply(controller) == "replicationcontroller/web created\n"
        grown = controller.replace("example/main:1", "example/main:2")
        assert await apply(grown) == "replicationcontroller/web configured\n"
        rc = await stored(kubectl, "rc", "web")
        containers = rc["spec"]["template"]["spec"]["containers"]
        assert [each["image"] for each in containers] == ["example/main:2"]
        misspelt = grown.replace("image", "imag")
        refused = await kubectl.try_("apply", "-f", "-", stdin=misspelt)
        assert refused.code == 1
        assert 'unknown field "spec.template.spec.containers[0].imag"' in refused.err

    with_kubectl(program, tmp_path, scenario)


def test_edit_sends_what_the_editor_changed(program: str, tmp_path: Path) -> None:
    editor, editing = tmp_path / "editor", tmp_path / "kubectl"
    editor.write_text(f'#!/bin/sh\nexec {shutil.which("sed")} -i s/green/edited/ "$1"\n')
    variables = f"KUBE_EDITOR={editor} SHELL=/bin/sh KUBECTL_EXTERNAL_DIFF={shutil.which('diff')}"
    editing.write_text(f'#!/bin/sh\n{variables} exec {program} "$@"\n')
    for script in (editor, editing):
        script.chmod(0o755)

    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=CONFIG_MAP)

        edited = await kubectl("edit", "configmap", "settings")
        unchanged = await kubectl.try_("edit", "configmap", "settings")
        difference = await kubectl.try_("diff", "-f", "-", stdin=CONFIG_MAP)

        assert edited.out == "configmap/settings edited\n"
        assert "Edit cancelled, no changes made." in unchanged.out + unchanged.err
        data = (await stored(kubectl, "cm", "settings"))["data"]
        assert data == {"colour": "edited", "size": "small"}
        assert difference.code == 1
        assert "<   colour: edited\n---\n>   colour: green\n" in difference.out

    with_kubectl(str(editing), tmp_path, scenario)
