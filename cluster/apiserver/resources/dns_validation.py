"""What can be wrong with how a pod resolves names, and with the names that it has itself."""

from __future__ import annotations

import json
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    invalid,
    invalid_shown,
    required,
    unsupported,
)
from cluster.apiserver.resources.addresses import address_errors
from cluster.apiserver.resources.metadata import label_name_errors
from serialization.api.core.v1_pb2 import PodDNSConfig, PodSpec
from serialization.labels import subdomain_errors

DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
SERVERS_MAX: Final = 3
SEARCHES_MAX: Final = 32
SEARCH_CHARACTERS_MAX: Final = 2048


def judge_dns(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    """Judge a pod's DNS configuration in the light of its policy."""
    at = f"{field}.dnsConfig"
    if spec.dnsPolicy == "None":
        if not spec.HasField("dnsConfig"):
            why = "must provide `dnsConfig` when `dnsPolicy` is None"
            problems.append(required(at, why))
        elif not spec.dnsConfig.nameservers:
            why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            problems.append(required(f"{at}.nameservers", why))
    if spec.HasField("dnsConfig"):
        _judge_config(spec.dnsConfig, at, problems)


def judge_dns_policy(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    """Judge how a pod wants names resolved."""
    if spec.dnsPolicy not in DNS_POLICIES:
        problems.append(unsupported(f"{field}.dnsPolicy", spec.dnsPolicy, DNS_POLICIES))


def _judge_config(config: PodDNSConfig, field: str, problems: list[FieldProblem]) -> None:
    servers, searches = list(config.nameservers), list(config.searches)
    if len(servers) > SERVERS_MAX:
        why = f"must not have more than {SERVERS_MAX} nameservers"
        problems.append(invalid_shown(f"{field}.nameservers", json.dumps(servers), why))
    for index, server in enumerate(servers):
        at = f"{field}.nameservers[{index}]"
        problems += [invalid(at, server, why) for why in address_errors(server)]
    if len(searches) > SEARCHES_MAX:
        why = f"must not have more than {SEARCHES_MAX} search paths"
        problems.append(invalid_shown(f"{field}.searches", json.dumps(searches), why))
    if len(" ".join(searches)) > SEARCH_CHARACTERS_MAX:
        why = (
            f"must not have more than {SEARCH_CHARACTERS_MAX} characters (including spaces) in "
            "the search list"
        )
        problems.append(invalid_shown(f"{field}.searches", json.dumps(searches), why))
    for index, search in enumerate(searches):
        # A final dot is allowed, and so are underscores, which no object's name may have.
        plain = "a" if search == "." else search.removesuffix(".").replace("_", "-")
        at = f"{field}.searches[{index}]"
        problems += [invalid(at, search, why) for why in subdomain_errors(plain)]
    for index, option in enumerate(config.options):
        if not option.name:
            problems.append(required(f"{field}.options[{index}]", "must not be empty"))


def judge_names(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    """Judge the host name of a pod, and the names that it knows others by."""
    for name, value in (("hostname", spec.hostname), ("subdomain", spec.subdomain)):
        if value:
            errors = label_name_errors(value)
            problems += [invalid(f"{field}.{name}", value, why) for why in errors]


def judge_host_aliases(spec: PodSpec, field: str, problems: list[FieldProblem]) -> None:
    """Judge the entries that a pod adds to its hosts file."""
    for index, alias in enumerate(spec.hostAliases):
        at = f"{field}.hostAliases[{index}]"
        problems += [invalid(f"{at}.ip", alias.ip, why) for why in address_errors(alias.ip)]
        for name in alias.hostnames:
            errors = subdomain_errors(name)
            problems += [invalid(f"{at}.hostnames", name, why) for why in errors]
