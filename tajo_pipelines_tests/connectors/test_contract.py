"""What holds for the webhooks of every connector, over the fixtures of its folder.

``fixtures/webhooks/<topic>__<case>.json`` are bodies, ``/`` of a topic written as ``-``; ``fixtures/expected/
webhooks.json`` says what each tells.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources.abc import Traversable
from typing import Any

import msgspec
import pytest

from tajo_pipelines.model.errors import RejectedRecord, SignatureError
from tajo_pipelines.model.window import format_time
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.connector import ConnectionConfig, Connector
from tajo_pipelines.sdk.webhooks import (
    Carried,
    CartClosed,
    Delivery,
    Envelope,
    Nothing,
    Tidings,
    Topic,
    Touched,
    Webhooks,
)

HAPPENED = datetime(2026, 11, 25, 9, 30, 0, 123456, tzinfo=UTC)
RECEIVED = datetime(2026, 11, 25, 9, 30, 2, tzinfo=UTC)
CONNECTORS = {name: registry.load(name) for name in registry.connector_names()}
TELLING = {name: found for name, found in CONNECTORS.items() if found.webhooks is not None}
BROKEN = [
    b"",
    b"[]",
    b"{",
    b'"text"',
    b"\xff\xfe{}",
    b'{"id": "\xff"}',
    b'{"a":' * 10_000,
    b"[" * 10_000,
    b'{"id": {}, "customer": [], "token": 1, "order_edit": 1}',
]


@dataclass(frozen=True)
class Case:
    """One body of a connector's fixtures."""

    connector: str
    name: str
    body: bytes

    @property
    def webhooks(self) -> Webhooks:
        return webhooks_of(CONNECTORS[self.connector])

    @property
    def topic(self) -> str:
        written = self.name.partition("__")[0]
        found = [topic for topic in self.webhooks.topics if topic.replace("/", "-") == written]
        assert len(found) == 1, f"{self.name} belongs to {found}"
        return found[0]

    @property
    def envelope(self) -> Envelope:
        topic = self.webhooks.topics[self.topic]
        return Envelope("1", self.topic, HAPPENED, topic.stream, topic.key(self.body))

    def tells(self) -> list[dict[str, Any]]:
        return [written(told) for told in self.webhooks.tidings(self.envelope, self.body, RECEIVED)]


def webhooks_of(connector: Connector) -> Webhooks:
    assert connector.webhooks is not None
    return connector.webhooks


def folder(connector: str) -> Traversable:
    return registry.find(connector).folder / "fixtures"


def cases() -> Iterator[Case]:
    for name in TELLING:
        for file in sorted((folder(name) / "webhooks").iterdir(), key=lambda file: file.name):
            yield Case(name, file.name.removesuffix(".json"), file.read_bytes())


def written(told: Tidings) -> dict[str, Any]:
    """What a delivery tells, as the expectation has it; of a record that came whole key and time alone."""
    about: dict[str, Any]
    if isinstance(told, Carried):
        about = {"stream": told.record.stream, "key": told.record.key, "updated_at": told.record.updated_at}
    else:
        about = dataclasses.asdict(told)
    return {"tells": type(told).__name__, **json.loads(msgspec.json.encode(about))}


CASES = list(cases())
TOPICS = [(name, topic, found) for name, each in TELLING.items() for topic, found in webhooks_of(each).topics.items()]
topics = pytest.mark.parametrize(
    ("connector", "name", "topic"), TOPICS, ids=[f"{each[0]}:{each[1]}" for each in TOPICS]
)


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=CONNECTORS)
def test_the_manifest_says_whether_there_are_webhooks(connector: Connector) -> None:
    declared = connector.manifest.capabilities.webhooks
    assert (declared == "yes") is (connector.webhooks is not None)
    assert declared == "yes" or not any(stream.realtime for stream in connector.streams)


@pytest.mark.parametrize("connector", TELLING.values(), ids=TELLING)
def test_each_realtime_stream_has_a_topic_and_no_other_has_one(connector: Connector) -> None:
    told = {topic.stream for topic in webhooks_of(connector).topics.values()} - {None}
    assert told == {stream.name for stream in connector.streams if stream.realtime}


@pytest.mark.parametrize("connector", TELLING.values(), ids=TELLING)
def test_secrets_that_sign_are_named_in_the_manifest_and_blank_ones_are_none(connector: Connector) -> None:
    webhooks = webhooks_of(connector)
    assert set(webhooks.secret_names) <= set(connector.manifest.secret_names)
    name = webhooks.secret_names[-1]
    blank = ConnectionConfig("c", connector.manifest.name, secrets=dict.fromkeys(webhooks.secret_names, "  \t "))
    rotated = ConnectionConfig("c", connector.manifest.name, secrets={name: "old  new"})
    assert webhooks.secrets(blank) == ()
    assert webhooks.secrets(rotated) == ("old", "new")


@pytest.mark.parametrize("connector", TELLING.values(), ids=TELLING)
@pytest.mark.parametrize("secrets", [(), ("a secret",)])
def test_what_isn_t_signed_is_refused(connector: Connector, secrets: tuple[str, ...]) -> None:
    with pytest.raises(SignatureError) as refused:
        webhooks_of(connector).signature.verify(Delivery({}, b"{}", RECEIVED), secrets)
    assert refused.value.code == "unsigned"


@pytest.mark.parametrize("connector", TELLING.values(), ids=TELLING)
def test_what_has_no_name_is_refused(connector: Connector) -> None:
    config = ConnectionConfig("c", connector.manifest.name)
    with pytest.raises(SignatureError) as refused:
        webhooks_of(connector).envelope(Delivery({}, b"{}", RECEIVED), config)
    assert refused.value.code == "unnamed"


@topics
def test_every_topic_has_a_body_to_be_tried(connector: str, name: str, topic: Topic) -> None:
    assert any(case.topic == name for case in CASES if case.connector == connector)


@topics
def test_a_glance_at_a_broken_body_shows_nothing(connector: str, name: str, topic: Topic) -> None:
    assert [topic.key(body) for body in BROKEN] == [None] * len(BROKEN)


@topics
def test_a_broken_body_is_malformed_and_breaks_nothing_else(connector: str, name: str, topic: Topic) -> None:
    envelope = Envelope("1", name, None, topic.stream)
    found: set[object] = set()
    for body in BROKEN:
        try:
            told = webhooks_of(TELLING[connector]).tidings(envelope, body, RECEIVED)
            found |= {type(each) for each in told}
        except RejectedRecord as problem:
            found.add(problem.reason)
    assert found <= {"malformed", Nothing}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.connector}:{case.name}")
def test_a_body_tells_what_is_expected(case: Case) -> None:
    expected = json.loads((folder(case.connector) / "expected" / "webhooks.json").read_bytes())
    assert {"key": case.envelope.key, "tidings": case.tells()} == expected[case.name]


@pytest.mark.parametrize("connector", TELLING, ids=TELLING)
def test_nothing_is_expected_that_isn_t_there(connector: str) -> None:
    expected = json.loads((folder(connector) / "expected" / "webhooks.json").read_bytes())
    assert set(expected) == {case.name for case in CASES if case.connector == connector}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.connector}:{case.name}")
def test_a_body_tells_of_its_topic_s_stream_alone(case: Case) -> None:
    stream = case.webhooks.topics[case.topic].stream
    for told in case.webhooks.tidings(case.envelope, case.body, RECEIVED):
        about = told.record.stream if isinstance(told, Carried) else getattr(told, "stream", stream)
        assert about == stream


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.connector}:{case.name}")
def test_times_are_aware_and_kept_in_utc(case: Case) -> None:
    for told in case.webhooks.tidings(case.envelope, case.body, RECEIVED):
        moments = [told.record.updated_at] if isinstance(told, Carried) else []
        moments += [told.at] if isinstance(told, Touched | CartClosed) else []
        assert all(moment is not None and format_time(moment) and moment.tzinfo is UTC for moment in moments)


def test_a_topic_that_isn_t_known_asks_for_nothing() -> None:
    for connector in TELLING.values():
        (told,) = webhooks_of(connector).tidings(Envelope("1", "moons/rise", None, None), b"not even JSON", RECEIVED)
        assert isinstance(told, Nothing)
