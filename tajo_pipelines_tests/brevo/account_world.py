"""One Brevo account at the twin, a real store and a clock that both share: what tests of consent stand on."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.contact_change import ContactChange, ContactPolicy, Outcome
from tajo_pipelines.brevo.ports import BucketLimit
from tajo_pipelines.brevo.writer import ContactWriter
from tajo_pipelines.model.consent import Channel, Signal, State, signal_to_fact
from tajo_pipelines.store import Store, open_store
from tajo_pipelines.store.account_state import AccountState
from tajo_pipelines.store.letters import LetterState
from tajo_pipelines.twin.brevo.state import Account
from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.half import TwinOptions
from tajo_pipelines.twin.server import Twin, TwinProcess
from tajo_pipelines_tests.brevo.stub import FakeCalls

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALL, SUBS_A, SUBS_B = 1, 2, 3
"""Lists: everybody, and the subscribers of the connections a and b."""

ANN, BOB = "ann@example.com", "bob@example.com"
PHONE, OTHER_PHONE = "+4915112345678", "+4915187654321"
PATHS = pytest.mark.parametrize("import_from", [1, 1000], ids=["import", "single"])
"""Runs a test once by imports and once by single writes."""

POLICY = ContactPolicy(all_contacts=ALL, subscribers={"a": SUBS_A, "b": SUBS_B}, import_from=1000)

EMAIL_FLAG, SMS_FLAG = "emailBlacklisted", "smsBlacklisted"


class Hands:
    """A clock that moves when somebody moves it. Ours may stand apart from Brevo's."""

    def __init__(self) -> None:
        self.moment = START
        self.skew = timedelta(0)

    def seconds(self) -> float:
        return self.moment.timestamp()

    def ours(self) -> datetime:
        return self.moment + self.skew

    def wait(self, **length: float) -> datetime:
        self.moment += timedelta(**length)
        return self.moment


class Unlimited:
    """A budget that never makes anybody wait."""

    def take(self, bucket: str, limit: BucketLimit) -> float:
        return 0.0

    def observe(self, bucket: str, *, limit: int | None, remaining: int | None, reset: float | None) -> None:
        pass

    def exhausted(self, bucket: str, reset: float) -> None:
        pass


@dataclass(frozen=True)
class Says:
    """What a record says of a channel."""

    state: State = State.GRANTED
    at: datetime | None = None
    confirmed: bool = False


YES, NO, SILENT = Says(), Says(State.DENIED), Says(State.UNKNOWN)


@dataclass
class World:
    """One account with everything around it."""

    twin: TwinProcess
    hands: Hands
    folder: Path
    template: Path
    account: Account = field(init=False)
    store: Store = field(init=False)
    client: BrevoClient = field(init=False)
    policy: ContactPolicy = POLICY
    confirmed_only: frozenset[str] = frozenset()
    meanwhile: list[Callable[[], Any]] = field(default_factory=list)
    """Done while an import runs, once each."""

    def __post_init__(self) -> None:
        self.hands.moment, self.hands.skew = START, timedelta(0)
        key, self.organization = f"key-{uuid.uuid4().hex}", f"org-{uuid.uuid4().hex}"
        self.account = self.twin.call(lambda: self.twin.brevo.open_account(key, self.organization))
        self.twin.call(self._furnish)
        self.store = self.open()
        self.client = BrevoClient(
            key, self.twin.brevo_url, Unlimited(), FakeCalls(), clock=self.hands.ours, sleep=self._sleep
        )

    def _furnish(self) -> None:
        for name in ("TAJO_BLOCKED", "TAJO_SOURCES", "FIRSTNAME"):
            self.account.attributes[name] = {"name": name, "category": "normal", "type": "text"}
        for number in (ALL, SUBS_A, SUBS_B):
            self.account.lists[str(number)] = {"id": number, "name": f"l{number}", "folderId": 1, "createdAt": 0.0}

    def _sleep(self, seconds: float) -> None:
        while self.meanwhile:
            self.meanwhile.pop(0)()
        self.hands.wait(seconds=seconds)

    def open(self) -> Store:
        path = self.folder / f"{uuid.uuid4().hex}.db"
        shutil.copy(self.template, path)
        store = open_store(f"sqlite:///{path}")
        sa.event.listen(store.database.engine, "connect", _quick)
        return Store(store.database, self.hands.ours)

    def close(self) -> None:
        self.client.close()
        self.store.close()

    def lose_store(self) -> None:
        self.store.close()
        self.store = self.open()

    @property
    def state(self) -> AccountState:
        return self.store.account(self.organization)

    # -- what we do -----------------------------------------------------------------------------------------------

    def writer(self, **policy: Any) -> ContactWriter:
        return ContactWriter(self.client, self.state, replace(self.policy, **policy), "run", self.hands.ours)

    def deliver(self, *changes: ContactChange, **policy: Any) -> list[Outcome]:
        writer = self.writer(**policy)
        writer.prepare()
        return writer.write(changes)

    def customer(
        self,
        key: str,
        email: str | None = None,
        *,
        phone: str | None = None,
        says: Says | None = None,
        sms: Says | None = None,
        connection: str = "a",
        name: str = "Ann",
        primary: bool = True,
        updated: datetime | None = None,
    ) -> ContactChange:
        """What a shop's record comes to, through the same step that the engine takes."""
        read_at = self.hands.ours()
        stated = ((Channel.EMAIL, email, says), (Channel.SMS, phone, sms))
        facts = [
            signal_to_fact(
                Signal(channel=channel, state=said.state, at=said.at, confirmed=said.confirmed),
                address=address,
                source=connection,
                read_at=read_at,
                confirmed_only=connection in self.confirmed_only,
            )
            for channel, address, said in stated
            if address is not None and said is not None
        ]
        return ContactChange(
            connection=connection,
            stream="customers" if primary else "orders",
            key=key,
            email=email,
            phone=phone,
            attributes={"FIRSTNAME": name},
            cleared=(),
            facts=tuple(fact for fact in facts if fact is not None),
            source_time=updated or read_at,
            primary=primary,
        )

    def order(self, key: str, email: str, *, ticked: bool, connection: str = "a") -> ContactChange:
        says = Says(State.GRANTED, self.hands.moment) if ticked else None
        return self.customer(key, email, says=says, connection=connection, primary=False)

    # -- what people do at Brevo ------------------------------------------------------------------------------------

    def change(self, op: str, **arguments: Any) -> None:
        self.twin.change("brevo", op, organization=self.organization, **arguments)

    # -- what came of it --------------------------------------------------------------------------------------------

    def contact(self, email: str) -> dict[str, Any] | None:
        def copy() -> dict[str, Any] | None:
            found = self.account.by_email(email)
            return None if found is None else {**found, "attributes": dict(found["attributes"])}

        return self.twin.call(copy)

    def mailable(self, email: str, channel: Channel = Channel.EMAIL) -> bool:
        found = self.contact(email)
        flag = EMAIL_FLAG if channel is Channel.EMAIL else SMS_FLAG
        return found is not None and not found[flag] and (channel is Channel.EMAIL or "SMS" in found["attributes"])

    def lists(self, email: str) -> set[int]:
        found = self.contact(email)
        return set() if found is None else set(found["listIds"])

    def mark(self, email: str) -> str:
        found = self.contact(email)
        assert found is not None
        return str(found["attributes"].get("TAJO_BLOCKED", ""))

    def contacts(self) -> dict[int, dict[str, Any]]:
        """Everybody at Brevo, by id."""

        def copy() -> dict[int, dict[str, Any]]:
            return {
                found["id"]: {**found, "attributes": dict(found["attributes"]), "listIds": list(found["listIds"])}
                for found in self.account.people()
            }

        return self.twin.call(copy)

    def journal(self, what: str | None = None) -> list[dict[str, Any]]:
        entries = self.twin.call(lambda: [dict(entry) for entry in self.account.journal.values()])
        return [entry for entry in entries if what in (None, entry["what"])]

    def freed_by_us(self) -> list[dict[str, Any]]:
        return [entry for entry in self.journal("freed") if entry["by"] == "api"]

    def writes(self) -> list[str]:
        """Calls that could have changed something, so far."""
        own = self.client.calls.kept  # type: ignore[attr-defined]  # the fake of these tests
        return [f"{call.method} {call.template}" for call in own if call.method != "GET"]

    def letters(self) -> list[tuple[str, str, str | None]]:
        """Open letters: key, reason, field."""
        found = self.store.letters.list(states=[LetterState.OPEN])
        return [(kept.letter.key, kept.letter.reason, kept.letter.field) for kept in found]


def _quick(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # these stores needn't survive a power cut


def serve() -> tuple[TwinProcess, Hands]:
    """A twin on a clock that the test moves."""
    hands = Hands()
    clock = TwinClock(1.0, hands.seconds)
    return TwinProcess(Twin(None, TwinOptions(tier="unlimited"), clock, halves=("brevo",))), hands


def outcomes(found: Sequence[Outcome]) -> list[str]:
    return [outcome.value for outcome in found]
