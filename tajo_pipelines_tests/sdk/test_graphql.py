from __future__ import annotations

from typing import Any

import pytest

from tajo_pipelines.model.errors import AuthError, ConfigError, ContractError, RetryableError
from tajo_pipelines.sdk.auth import TokenHeader
from tajo_pipelines.sdk.graphql import AccessDeniedError, CostExceededError, Document, GraphQLClient
from tajo_pipelines.sdk.http import HttpClient
from tajo_pipelines.sdk.limits import Cost, CostThrottle, PageSize
from tajo_pipelines_tests.sdk.support import STEADY, HeldClock, Reply, Server, in_turn, serving

SHOP = Document("Shop", "query Shop { shop { name } }")
FINE = {"data": {"shop": {"name": "Kaffee"}}}


def client(server: Server, clock: HeldClock, patience: float = 60) -> GraphQLClient:
    http = HttpClient(server.url, clock=clock, backoff=STEADY, patience=patience)
    fatal = {"SHOP_INACTIVE": "the shop isn't active"}
    return GraphQLClient(http, "/graphql", TokenHeader("X-Token", "stored-token"), CostThrottle(clock), fatal)


def cost(requested: int, available: int, maximum: int = 1000, restore: int = 50) -> dict[str, Any]:
    status = {"maximumAvailable": maximum, "currentlyAvailable": available, "restoreRate": restore}
    return {"cost": {"requestedQueryCost": requested, "actualQueryCost": None, "throttleStatus": status}}


def failing(code: str, **more: Any) -> Reply:
    error = {"message": f"says {code}", "extensions": {"code": code, **more.pop("extensions", {})}, **more}
    return Reply(200, {"errors": [error], "data": None})


def test_throttled_inside_http_200_waits_for_the_missing_points_and_repeats() -> None:
    clock = HeldClock()
    throttled = failing("THROTTLED")
    throttled.body["extensions"] = cost(requested=400, available=100)
    with serving(in_turn(throttled, Reply(200, FINE))) as server:
        assert client(server, clock).query(SHOP, {}).data == FINE["data"]
    assert clock.slept == [pytest.approx(6.0, abs=0.01)]


def test_points_are_waited_for_before_a_call_that_would_be_throttled() -> None:
    clock = HeldClock()
    with serving(in_turn(Reply(200, {**FINE, "extensions": cost(requested=300, available=50)}))) as server:
        api = client(server, clock)
        api.query(SHOP, {})
        api.query(SHOP, {})
    assert clock.slept == [pytest.approx(5.0, abs=0.01)]


def test_throttling_without_end_ends() -> None:
    throttled = failing("THROTTLED")
    throttled.body["extensions"] = cost(requested=400, available=100)
    with serving(in_turn(throttled)) as server, pytest.raises(RetryableError) as caught:
        client(server, HeldClock()).query(SHOP, {})
    assert caught.value.code == "rate_limited"


def test_access_denied_names_field_and_scope() -> None:
    reply = failing("ACCESS_DENIED", path=["orders"], extensions={"requiredAccess": "`read_orders` access scope."})
    with serving(in_turn(reply)) as server, pytest.raises(AccessDeniedError) as caught:
        client(server, HeldClock()).query(SHOP, {})
    assert "read_orders" in str(caught.value)
    assert caught.value.path == ("orders",)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (failing("MAX_COST_EXCEEDED"), CostExceededError),
        (failing("SHOP_INACTIVE"), ConfigError),
        (failing("undefinedField"), ContractError),
        (Reply(200, {"errors": "plain words"}), ContractError),
        (Reply(200, {"data": None}), ContractError),
        (Reply(200, []), ContractError),
        (Reply(200, {**FINE, "errors": [{"message": "half of it failed"}]}), ContractError),
        (Reply(401, {"errors": "[API] Invalid API key or access token"}), AuthError),
    ],
)
def test_errors_by_what_the_caller_does_next(reply: Reply, error: type[Exception]) -> None:
    with serving(in_turn(reply)) as server, pytest.raises(error):
        client(server, HeldClock()).query(SHOP, {})
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "reply",
    [
        failing("INTERNAL_SERVER_ERROR"),
        Reply(200, b"<html>busy</html>"),
        Reply(200, b'{"data": {"shop"'),
        Reply(500, {}),
    ],
)
def test_passing_errors_are_repeated(reply: Reply) -> None:
    with serving(in_turn(reply, Reply(200, FINE))) as server:
        assert client(server, HeldClock()).query(SHOP, {}).data == FINE["data"]


def test_pages_that_never_become_json_end_as_retryable() -> None:
    with (
        serving(in_turn(Reply(200, b"<html>busy</html>"))) as server,
        pytest.raises(RetryableError, match="JSON"),
    ):
        client(server, HeldClock()).query(SHOP, {})


def test_a_page_grows_only_as_far_as_its_cost_allows() -> None:
    size = PageSize(12, 250, 1000)
    size.learn(Cost.read({"extensions": cost(requested=840, available=0, maximum=2000)}))
    assert size.size == 12
    size.learn(Cost.read({"extensions": cost(requested=90, available=0, maximum=2000)}))
    assert size.size == 120
    size.learn(Cost.read({"extensions": cost(requested=90, available=0, maximum=2000)}))
    assert size.size == 250
    size.learn(Cost.read({"extensions": cost(requested=1000, available=0, maximum=500)}))
    assert size.size == 112
    assert [size.halve() for _ in range(8)] == [True] * 6 + [False, False]


@pytest.mark.parametrize("odd", [None, [], {}, {"extensions": {"cost": {"requestedQueryCost": True}}}])
def test_an_answer_without_cost_teaches_nothing(odd: Any) -> None:
    assert Cost.read(odd) is None


def test_a_mutation_for_want_of_points_waits_and_runs() -> None:
    throttled = failing("THROTTLED")
    throttled.body["extensions"] = cost(requested=400, available=100)
    with serving(in_turn(throttled, Reply(429, {}), Reply(200, FINE))) as server:
        assert client(server, HeldClock()).mutate(SHOP, {}).data == FINE["data"]
        assert len(server.calls) == 3


@pytest.mark.parametrize("reply", [Reply(hang_up=True), Reply(502, b""), Reply(200, b"{"), failing("TIMEOUT")])
def test_a_mutation_in_doubt_is_never_sent_twice(reply: Reply) -> None:
    with serving(in_turn(reply)) as server, pytest.raises(RetryableError) as caught:
        client(server, HeldClock()).mutate(SHOP, {})
    assert caught.value.in_doubt
    assert len(server.calls) == 1


def test_a_mutation_that_is_refused_is_not_in_doubt() -> None:
    with serving(in_turn(failing("ACCESS_DENIED"))) as server, pytest.raises(AccessDeniedError):
        client(server, HeldClock()).mutate(SHOP, {})
