"""A running Brevo stand-in, with an empty account of its own for each test."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tajo_pipelines.twin.brevo.state import Account
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import TwinProcess, running_twin
from tajo_pipelines_tests.twin.brevo_contract import wrong_answer


class Api:
    """Calls one account over HTTP; every answer below 500 must be one that the vendor's contract has."""

    def __init__(self, twin: TwinProcess) -> None:
        self.twin = twin
        self.key = f"key-{uuid.uuid4().hex}"
        self.organization = f"org-{uuid.uuid4().hex}"
        self.account: Account = twin.call(lambda: twin.brevo.open_account(self.key, self.organization))
        self.session = requests.Session()
        self.session.headers["api-key"] = self.key

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        answer = self.session.request(method, self.twin.brevo_url + path, json=body, params=query, timeout=10)
        if answer.status_code < 500:
            document = answer.json() if answer.content else None
            wrong = wrong_answer(method, path, answer.status_code, document)
            assert wrong == []
        return answer

    def contact(self, email: str) -> dict[str, Any]:
        answer = self.call("GET", f"/contacts/{email}", identifierType="email_id")
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def new_list(self, name: str = "List") -> int:
        return int(self.call("POST", "/contacts/lists", {"name": name, "folderId": 1}).json()["id"])

    def create(self, email: str, **more: Any) -> int:
        answer = self.call("POST", "/contacts", {"email": email, **more})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def import_(self, **body: Any) -> dict[str, Any]:
        """Starts an import and waits for its end; returns the process."""
        answer = self.call("POST", "/contacts/import", body)
        assert answer.status_code == 202, answer.text
        return self.finished(answer.json()["processId"])

    def finished(self, process: int) -> dict[str, Any]:
        for _ in range(200):
            document: dict[str, Any] = self.call("GET", f"/processes/{process}").json()
            if document["status"] in ("completed", "failed"):
                return document
            time.sleep(0.01)
        pytest.fail("the process did not end")

    def change(self, op: str, **arguments: Any) -> dict[str, Any]:
        return self.twin.change("brevo", op, organization=self.organization, **arguments)

    def close(self) -> None:
        self.session.close()


@pytest.fixture(scope="module")
def brevo_twin() -> Iterator[TwinProcess]:
    options = TwinOptions(tier="unlimited")
    with running_twin(halves=("brevo",), options=options, clock=TwinClock(50.0)) as twin:
        yield twin


@pytest.fixture
def api(brevo_twin: TwinProcess) -> Iterator[Api]:
    caller = Api(brevo_twin)
    yield caller
    caller.close()
    brevo_twin.faults()
