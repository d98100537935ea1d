from __future__ import annotations

from datetime import timedelta

import pytest

from tajo_pipelines.model.errors import AuthError, ContractError
from tajo_pipelines.sdk.auth import ClientCredentials, TokenHeader
from tajo_pipelines.sdk.http import HttpClient
from tajo_pipelines_tests.sdk.support import STEADY, Call, HeldClock, Reply, Server, in_turn, serving


def login(server: Server, clock: HeldClock) -> ClientCredentials:
    http = HttpClient(server.url, clock=clock, backoff=STEADY)
    return ClientCredentials(http, "/token", "an-id", "hush-hush", header="X-Token", prefix="")


def numbered(lifetime: object) -> object:
    given = iter(range(1, 100))

    def answer(call: Call) -> Reply:
        del call
        return Reply(200, {"access_token": f"token-{next(given)}", "expires_in": lifetime})

    return answer


def test_a_token_is_kept_and_renewed_five_minutes_before_its_end() -> None:
    clock = HeldClock()
    with serving(numbered(86399)) as server:  # type: ignore[arg-type]  # the closure above
        auth = login(server, clock)
        assert auth.headers() == {"X-Token": "token-1"}
        clock.moment += timedelta(seconds=86399 - 301)
        assert auth.headers() == {"X-Token": "token-1"}
        clock.moment += timedelta(seconds=2)
        assert auth.headers() == {"X-Token": "token-2"}
    assert server.calls[0].body == b"grant_type=client_credentials&client_id=an-id&client_secret=hush-hush"


def test_a_refused_token_is_renewed_once() -> None:
    with serving(numbered(86399)) as server:  # type: ignore[arg-type]  # the closure above
        auth = login(server, HeldClock())
        auth.headers()
        assert auth.renew()
        assert auth.headers() == {"X-Token": "token-2"}
        assert not auth.renew()
        auth.accepted()
        assert auth.renew()


def test_a_short_lived_token_is_still_used() -> None:
    with serving(numbered(60)) as server:  # type: ignore[arg-type]  # the closure above
        auth = login(server, HeldClock())
        auth.headers()
        auth.headers()
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"expires_in": 60}, AuthError),
        ({"access_token": "", "expires_in": 60}, AuthError),
        ({"access_token": "t"}, ContractError),
        ({"access_token": "t", "expires_in": True}, ContractError),
        ([], ContractError),
    ],
)
def test_an_answer_without_token_or_lifetime_is_refused(body: object, error: type[Exception]) -> None:
    with serving(in_turn(Reply(200, body))) as server, pytest.raises(error):
        login(server, HeldClock()).headers()


def test_secrets_stand_in_no_repr() -> None:
    with serving(numbered(60)) as server:  # type: ignore[arg-type]  # the closure above
        auth = login(server, HeldClock())
        auth.headers()
        shown = repr(auth) + repr(TokenHeader("X-Token", "stored-token"))
    assert "hush-hush" not in shown
    assert "token-1" not in shown
    assert "stored-token" not in shown
    assert auth.secrets() == ("hush-hush", "token-1")
