"""What can be wrong with a service."""

from __future__ import annotations

import json
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    duplicate,
    forbidden_field,
    invalid,
    invalid_shown,
    required,
    unsupported,
)
from cluster.apiserver.resources.addresses import (
    address_errors,
    block_errors,
    parsed_address,
    reachable_address_errors,
)
from cluster.apiserver.resources.metadata import label_problems
from cluster.apiserver.resources.service_ports import port_problems
from serialization.api.core.v1_pb2 import Service, ServiceSpec, ServiceStatus
from serialization.labels import key_errors, subdomain_errors

TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
AFFINITIES: Final = ("ClientIP", "None")
POLICIES: Final = ("Cluster", "Local")
FAMILIES: Final = ("IPv4", "IPv6")
FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
DISTRIBUTIONS: Final = ("PreferClose", "PreferSameNode", "PreferSameZone")
AFFINITY_MAX_S: Final = 86_400
HEADLESS: Final = "None"
INGRESS_MODES: Final = ("Proxy", "VIP")

_OF_BALANCER: Final = "may only be used when `type` is 'LoadBalancer'"


def is_headless(spec: ServiceSpec) -> bool:
    """Tell whether a service has no address of its own, by choice."""
    return bool(spec.clusterIPs) and spec.clusterIPs[0] == HEADLESS


def is_exposed(spec: ServiceSpec) -> bool:
    """Tell whether a service can be reached from outside the cluster."""
    if spec.type in {"LoadBalancer", "NodePort"}:
        return True
    return spec.type == "ClusterIP" and bool(spec.externalIPs)


def service_problems(service: Service) -> list[FieldProblem]:
    """Return what is wrong with a service, its metadata apart."""
    spec = service.spec
    problems: list[FieldProblem] = []
    if not spec.ports and not is_headless(spec) and spec.type != "ExternalName":
        problems.append(required("spec.ports"))
    _judge_type(spec, problems)
    problems += port_problems(spec)
    problems += label_problems(spec.selector, "spec.selector")
    _judge_affinity(spec, problems)
    if spec.type != "ExternalName":
        _judge_addresses(spec, problems)
        _judge_families(spec, problems)
    for index, text in enumerate(spec.externalIPs):
        errors = reachable_address_errors(text)
        problems += [invalid(f"spec.externalIPs[{index}]", text, why) for why in errors]
    _judge_balancer(spec, problems)
    _judge_traffic(spec, problems)
    return problems


def status_problems(status: ServiceStatus) -> list[FieldProblem]:
    """Return what is wrong with what a load balancer says of itself."""
    problems: list[FieldProblem] = []
    for index, ingress in enumerate(status.loadBalancer.ingress):
        at = f"status.loadBalancer.ingress[{index}]"
        if ingress.ip:
            problems += [invalid(f"{at}.ip", ingress.ip, why) for why in address_errors(ingress.ip)]
        if ingress.HasField("ipMode"):
            if not ingress.ip:
                problems.append(
                    forbidden_field(f"{at}.ipMode", "may not be specified when `ip` is not set")
                )
            elif ingress.ipMode not in INGRESS_MODES:
                problems.append(unsupported(f"{at}.ipMode", ingress.ipMode, INGRESS_MODES))
        elif ingress.ip:
            problems.append(required(f"{at}.ipMode", "must be specified when `ip` is set"))
        if ingress.hostname:
            name = ingress.hostname
            problems += [invalid(f"{at}.hostname", name, why) for why in subdomain_errors(name)]
            if parsed_address(name) is not None:
                problems.append(
                    invalid(f"{at}.hostname", name, "must be a DNS name, not an IP address")
                )
    return problems


def _judge_type(spec: ServiceSpec, problems: list[FieldProblem]) -> None:
    if spec.type not in TYPES:
        problems.append(unsupported("spec.type", spec.type, TYPES))
    elif spec.type in {"LoadBalancer", "NodePort"}:
        if is_headless(spec):
            why = f"may not be set to 'None' for {spec.type} services"
            problems.append(invalid("spec.clusterIPs[0]", spec.clusterIPs[0], why))
    elif spec.type == "ExternalName":
        _judge_external_name(spec, problems)


def _judge_external_name(spec: ServiceSpec, problems: list[FieldProblem]) -> None:
    for name, present in (
        ("clusterIPs", bool(spec.clusterIPs)),
        ("ipFamilies", bool(spec.ipFamilies)),
        ("ipFamilyPolicy", spec.HasField("ipFamilyPolicy")),
    ):
        if present:
            problems.append(
                forbidden_field(f"spec.{name}", "may not be set for ExternalName services")
            )
    name = spec.externalName.removesuffix(".")
    if not name:
        problems.append(required("spec.externalName"))
    problems += [invalid("spec.externalName", name, why) for why in subdomain_errors(name) if name]


def _judge_affinity(spec: ServiceSpec, problems: list[FieldProblem]) -> None:
    field = "spec.sessionAffinityConfig"
    if spec.sessionAffinity not in AFFINITIES:
        problems.append(unsupported("spec.sessionAffinity", spec.sessionAffinity, AFFINITIES))
    elif spec.sessionAffinity == "ClientIP":
        timeout_s = spec.sessionAffinityConfig.clientIP.timeoutSeconds
        if not 0 < timeout_s <= AFFINITY_MAX_S:
            why = f"must be greater than 0 and less than {AFFINITY_MAX_S}"
            problems.append(invalid(f"{field}.clientIP.timeoutSeconds", timeout_s, why))
    elif spec.HasField("sessionAffinityConfig"):
        problems.append(forbidden_field(field, "must not be set when session affinity is None"))


def _judge_addresses(spec: ServiceSpec, problems: list[FieldProblem]) -> None:
    field, texts = "spec.clusterIPs", list(spec.clusterIPs)
    shown = json.dumps(texts, separators=(",", ":"))
    if texts and not spec.clusterIP:
        problems.append(forbidden_field(field, "must be empty when `clusterIP` is not specified"))
    elif texts and texts[0] != spec.clusterIP:
        problems.append(invalid_shown(field, shown, "first value must match `clusterIP`"))
    if texts[:1] == [HEADLESS]:
        if len(texts) > 1:
            why = "'None' must be the first and only value"
            problems.append(invalid_shown(field, shown, why))
        return
    bad = [
        invalid(f"{field}[{index}]", text, why)
        for index, text in enumerate(texts)
        for why in address_errors(text)
    ]
    if len(texts) > 2:
        bad.append(invalid_shown(field, shown, "may only hold up to 2 values"))
    problems += bad
    versions = [address.version for text in texts if (address := parsed_address(text))]
    if not bad and len(set(versions)) < len(versions):
        why = "may specify no more than one IP for each IP family"
        problems.append(invalid_shown(field, shown, why))


def _judge_families(spec: ServiceSpec, problems: list[FieldProblem]) -> None:
    field, families = "spec.ipFamilies", list(spec.ipFamilies)
    known = all(family in FAMILIES for family in families)
    problems += [
        unsupported(f"{field}[{index}]", family, FAMILIES)
        for index, family in enumerate(families)
        if family not in FAMILIES
    ]
    problems += [
        duplicate(f"{field}[{index}]", family)
        for index, family in enumerate(families)
        if family in families[:index]
    ]
    if len(families) > 2:
        shown = json.dumps(families, separators=(",", ":"))
        problems.append(invalid_shown(field, shown, "may only hold up to 2 values"))
    policy = spec.ipFamilyPolicy
    if policy not in FAMILY_POLICIES:
        problems.append(unsupported("spec.ipFamilyPolicy", policy, FAMILY_POLICIES))
    if len(families) > 1 and policy == "SingleStack":
        why = "must be RequireDualStack or PreferDualStack when multiple `ipFamilies` are specified"
        problems.append(invalid("spec.ipFamilyPolicy", policy, why))
    if not known or (is_headless(spec) and not spec.selector):
        return
    if policy == "RequireDualStack":
        why = "this cluster is not configured for dual-stack services"
        problems.append(invalid("spec.ipFamilyPolicy", policy, why))
    elif "IPv6" in families:
        at = f"{field}[{families.index('IPv6')}]"
        problems.append(invalid(at, "IPv6", "not configured on this cluster"))


def _judge_balancer(spec: ServiceSpec, problems: list[FieldProblem]) -> None:
    balanced = spec.type == "LoadBalancer"
    ranges = spec.loadBalancerSourceRanges
    field = "spec.LoadBalancerSourceRanges"  # so it is called in Kubernetes' messages
    if ranges and not balanced:
        problems.append(forbidden_field(field, _OF_BALANCER))
    problems += [
        invalid(f"{field}[{index}]", block, why)
        for index, block in enumerate(ranges)
        for why in block_errors(block.strip())
    ]
    if spec.HasField("allocateLoadBalancerNodePorts") and not balanced:
        problems.append(forbidden_field("spec.allocateLoadBalancerNodePorts", _OF_BALANCER))
    if spec.HasField("loadBalancerClass"):
        name = spec.loadBalancerClass
        if not balanced:
            problems.append(forbidden_field("spec.loadBalancerClass", _OF_BALANCER))
        problems += [invalid("spec.loadBalancerClass", name, why) for why in key_errors(name)]


def _judge_traffic(spec: ServiceSpec, problems: list[FieldProblem]) -> None:
    policy = spec.externalTrafficPolicy
    if is_exposed(spec):
        if policy not in POLICIES:
            problems.append(unsupported("spec.externalTrafficPolicy", policy, POLICIES))
    elif policy:
        why = "may only be set for externally-accessible services"
        problems.append(invalid("spec.externalTrafficPolicy", policy, why))
    checked = spec.type == "LoadBalancer" and policy == "Local"
    if spec.healthCheckNodePort and not checked:
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        problems.append(invalid("spec.healthCheckNodePort", spec.healthCheckNodePort, why))
    if spec.HasField("internalTrafficPolicy") and spec.internalTrafficPolicy not in POLICIES:
        within = spec.internalTrafficPolicy
        problems.append(unsupported("spec.internalTrafficPolicy", within, POLICIES))
    if spec.HasField("trafficDistribution") and spec.trafficDistribution not in DISTRIBUTIONS:
        how = spec.trafficDistribution
        problems.append(unsupported("spec.trafficDistribution", how, DISTRIBUTIONS))
