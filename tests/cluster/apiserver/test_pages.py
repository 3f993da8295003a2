"""Health, version, metrics, discovery, and paths that lead nowhere."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from cluster.apiserver.paths import Route, parse_route
from tests.cluster.apiserver.conftest import golden
from tests.cluster.apiserver.kinds import PODS_PATH, pod
from tests.cluster.apiserver.serving import InProcess, Json


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/v1/pods", Route("", "v1", "pods")),
        ("/api/v1/nodes/n1/status", Route("", "v1", "nodes", "", "n1", "status")),
        ("/api/v1/namespaces", Route("", "v1", "namespaces")),
        ("/api/v1/namespaces/x", Route("", "v1", "namespaces", "", "x")),
        ("/api/v1/namespaces/x/status", Route("", "v1", "namespaces", "", "x", "status")),
        ("/api/v1/namespaces/x/finalize", Route("", "v1", "namespaces", "", "x", "finalize")),
        ("/api/v1/namespaces/x/pods", Route("", "v1", "pods", "x")),
        ("/api/v1/namespaces/x/pods/p/binding", Route("", "v1", "pods", "x", "p", "binding")),
        ("/apis/apps/v1/namespaces/x/deployments/d", Route("apps", "v1", "deployments", "x", "d")),
        ("/apis/apps/v1/deployments/", Route("apps", "v1", "deployments")),
        ("/api/v1", None),
        ("/apis/apps/v1", None),
        ("/api/v1/namespaces/x/pods/p/status/more", None),
        ("/healthz", None),
        ("/", None),
    ],
)
def test_paths_name_resources(path: str, route: Route | None) -> None:
    assert parse_route(path) == route


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/readyz/ping", "/livez/etcd"])
def test_health_is_a_plain_ok(api: InProcess, path: str) -> None:
    reply = api.call("GET", path)

    assert (reply.code, reply.body) == (200, b"ok")
    assert reply.media_type == "text/plain; charset=utf-8"


def test_verbose_health_tells_each_check(api: InProcess) -> None:
    reply = api.call("GET", "/readyz?verbose")

    assert reply.body.decode().splitlines() == [
        "[+]ping ok",
        "[+]log ok",
        "[+]etcd ok",
        "[+]watch-cache ok",
        "readyz check passed",
    ]


@pytest.mark.parametrize("path", ["/nope", "/readyz/nosuch", "/apis/nope.example.com/v1/things"])
def test_unknown_paths_are_told_in_plain_text(api: InProcess, path: str) -> None:
    reply = api.call("GET", path)

    assert (reply.code, reply.body) == (404, b"404 page not found\n")


def test_version_is_that_of_the_era(api: InProcess) -> None:
    version = api.call("GET", "/version").json()

    assert version["gitVersion"] == "v1.32.0+kubedyno"
    assert (version["major"], version["minor"]) == ("1", "32")


def test_discovery_agrees_with_kubernetes_on_what_is_served(api: InProcess) -> None:
    ours = api.call("GET", "/api/v1").json()
    real = json.loads((golden("discovery") / "api.v1.json").read_bytes())
    theirs = {each["name"]: each for each in real["resources"]}

    compared = 0
    for resource in cast("list[Json]", ours["resources"]):
        expected = dict(theirs[str(resource["name"])])
        expected.pop("storageVersionHash", None)
        verbs, known = cast("list[str]", resource.pop("verbs")), expected.pop("verbs")
        assert resource == expected
        assert set(verbs) <= set(known)
        assert set(known) - set(verbs) <= {"patch"}
        compared += 1

    assert compared >= 25


def test_groups_are_listed_where_clients_look_for_them(api: InProcess) -> None:
    groups = cast("list[Json]", api.call("GET", "/apis").json()["groups"])
    group = api.call("GET", "/apis/coordination.k8s.io").json()
    leases = api.call("GET", "/apis/coordination.k8s.io/v1").json()

    assert {"apps", "coordination.k8s.io"} <= {each["name"] for each in groups}
    assert group["kind"] == "APIGroup"
    assert leases["groupVersion"] == "coordination.k8s.io/v1"


AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_aggregated_discovery_agrees_with_kubernetes(api: InProcess, path: str) -> None:
    accept = f"{AGGREGATED},application/json"
    reply = api.call("GET", path, headers={"accept": accept})
    file = f"{path[1:]}.aggregated-v2.json"
    real = _by_resource(json.loads((golden("discovery") / file).read_bytes()))

    assert reply.media_type == AGGREGATED
    for name, ours in _by_resource(reply.json()).items():
        theirs = dict(real[name])
        below = {each["subresource"]: each for each in theirs.pop("subresources", ())}
        for each in ours.pop("subresources", ()):
            assert each["responseKind"] == below[each["subresource"]]["responseKind"]
            assert set(each["verbs"]) <= set(below[each["subresource"]]["verbs"])
        assert set(ours.pop("verbs")) <= set(theirs.pop("verbs"))
        assert ours == theirs


def _by_resource(document: Json) -> dict[tuple[str, str], dict[str, Any]]:
    items = cast("list[dict[str, Any]]", document["items"])
    return {
        (item["metadata"].get("name", ""), resource["resource"]): resource
        for item in items
        for version in item["versions"]
        for resource in version["resources"]
    }


def test_discovery_is_not_sent_again_to_who_has_it(api: InProcess) -> None:
    first = api.call("GET", "/apis")
    again = api.call("GET", "/apis", headers={"if-none-match": first.header("etag")})

    assert (first.code, again.code, again.body) == (200, 304, b"")


def test_openapi_says_that_kinds_take_field_validation(api: InProcess) -> None:
    root = cast("Json", api.call("GET", "/openapi/v3").json()["paths"])
    document = api.call("GET", "/openapi/v3/api/v1").json()

    assert {"api/v1", "apis/apps/v1", "apis/coordination.k8s.io/v1"} <= set(root)
    operation = cast("Json", cast("Json", document["paths"])["/api/v1/nodes/{name}"])["patch"]
    names = [each["name"] for each in cast("list[Json]", cast("Json", operation)["parameters"])]
    assert "fieldValidation" in names


def test_metrics_count_requests_by_verb_resource_and_code(api: InProcess) -> None:
    api.create(PODS_PATH, pod())
    api.call("GET", f"{PODS_PATH}/nope")

    text = api.call("GET", "/metrics").body.decode()

    labels = 'group="",version="v1",resource="pods",subresource=""'
    assert (
        f'apiserver_request_total{{verb="POST",dry_run="",{labels},scope="resource",'
        'component="apiserver",code="201"} 1'
    ) in text
    assert (
        f'apiserver_request_total{{verb="GET",dry_run="",{labels},scope="resource",'
        'component="apiserver",code="404"} 1'
    ) in text
    assert 'apiserver_resource_objects{resource="pods"} 1' in text
    assert "# TYPE apiserver_request_duration_seconds histogram" in text
    assert 'apiserver_current_inflight_requests{request_kind="mutating"} 0' in text


def test_paths_and_methods_that_are_not_served_make_no_new_series(api: InProcess) -> None:
    for number in range(20):
        assert api.call("GET", f"{PODS_PATH}/a/sub{number}").code == 404
        assert api.call(f"FROB{number}", PODS_PATH).code == 405

    text = api.call("GET", "/metrics").body.decode()

    assert "sub1" not in text
    assert "FROB" not in text
    assert 'verb="other"' in text


def test_histograms_are_cumulative_and_end_at_infinity(api: InProcess) -> None:
    for _ in range(3):
        api.call("GET", f"{PODS_PATH}/nope")

    lines = api.call("GET", "/metrics").body.decode().splitlines()
    buckets = [
        line for line in lines if line.startswith("apiserver_request_duration_seconds_bucket")
    ]

    assert len(buckets) == 40
    counts = [int(line.rpartition(" ")[2]) for line in buckets]
    assert counts == sorted(counts)
    assert 'le="+Inf"' in buckets[-1]
    assert counts[-1] == 3
