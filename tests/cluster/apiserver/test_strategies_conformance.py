"""What every served resource promises (``resources.interface``), over the registry."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from cluster.apiserver.registry import Registry, served
from cluster.apiserver.resources.interface import Strategy
from serialization.kinds import SCHEME

VERBS = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
SERVED = served()


@pytest.fixture(params=SERVED, ids=[each.resource.plural for each in SERVED])
def strategy(request: pytest.FixtureRequest) -> Strategy[Message]:
    found: Strategy[Message] = request.param
    return found


def test_strategy_is_found_by_the_path_of_its_resource(strategy: Strategy[Message]) -> None:
    resource = strategy.resource
    key = (resource.group, resource.version, resource.plural)

    assert Registry(SERVED).find(*key) is strategy
    assert SCHEME.by_plural(*key) is resource
    assert strategy.type_meta == (resource.api_version, resource.kind)


def test_strategy_allows_known_verbs_and_lists_only_what_has_a_list(
    strategy: Strategy[Message],
) -> None:
    assert strategy.verbs
    assert strategy.verbs <= VERBS
    assert strategy.resource.list_message is not None or "list" not in strategy.verbs


def test_strategy_s_defaults_are_settled_after_once(strategy: Strategy[Message]) -> None:
    once = strategy.resource.message()
    strategy.default(once)
    twice = strategy.resource.message()
    twice.CopyFrom(once)

    strategy.default(twice)

    assert twice == once


def test_strategy_s_validation_changes_nothing(strategy: Strategy[Message]) -> None:
    obj, old = strategy.resource.message(), strategy.resource.message()
    strategy.default(obj)
    before = obj.SerializeToString(deterministic=True)

    problems = [*strategy.validate(obj), *strategy.validate_update(obj, old)]

    assert obj.SerializeToString(deterministic=True) == before
    assert all(problems)


@pytest.mark.parametrize("name", ["a/b", "a%b", ".", ".."])
def test_strategy_refuses_names_that_cannot_stand_in_a_path(
    strategy: Strategy[Message], name: str
) -> None:
    assert strategy.name_errors(name) != []


def test_strategy_takes_a_plain_name(strategy: Strategy[Message]) -> None:
    assert strategy.name_errors("web-1") == []


def test_strategy_grants_no_negative_grace(strategy: Strategy[Message]) -> None:
    obj = strategy.resource.message()
    strategy.default(obj)

    assert all(strategy.grace_s(obj, asked) >= 0 for asked in (None, 0, 1, 30))
