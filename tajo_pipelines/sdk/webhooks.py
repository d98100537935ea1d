"""What a connector says of its platform's webhooks: how a delivery is proved, named and read.

The receiver proves and names a delivery with what stands in its headers, and keeps it; the body is read later, in the
run that works it off. So a parser that fails loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from tajo_pipelines.model.errors import RejectedRecord
from tajo_pipelines.model.record import Record
from tajo_pipelines.sdk.connector import ConnectionConfig, Deleted

PREFIX = "/webhooks/"
"""What a connection's name follows in the path that its deliveries are sent to."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook request as it was received.

    Attributes:
        headers: By name in lower case; of a repeated one the last.
        body: The bytes, as they came.
        received_at: When they had come.
        suffix: What follows the connection's name in the path, without slashes around it.
    """

    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    received_at: datetime
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is known of a delivery before its body is read.

    Attributes:
        delivery_id: The platform's id of this delivery, the same when it is sent again.
        topic: What the platform calls the happening.
        source_at: When it happened, by the platform; None where the headers don't tell.
        stream: The stream whose run works it off; None where nobody does.
        key: Key of the record that it tells of, as far as a glance shows it: what a person searches by.
    """

    delivery_id: str
    topic: str
    source_at: datetime | None
    stream: str | None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Touched:
    """A record was made or changed: what it is now has to be read, for the delivery carries too little of it."""

    stream: str
    key: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Carried:
    """The delivery carries the whole record."""

    record: Record


@dataclass(frozen=True, slots=True)
class Gone:
    """A record was deleted, or merged into another one."""

    stream: str
    deleted: Deleted


@dataclass(frozen=True, slots=True)
class CartClosed:
    """A cart became an order.

    Attributes:
        keys: What the cart is known by: its record's key, its token.
        order: Key of the order.
        at: When.
    """

    keys: tuple[str, ...]
    order: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a request for privacy is about; a platform names what it has.

    Attributes:
        key: Key of the customer's record.
        orders: Keys of orders that the request names.
        request: The platform's number of the request.
    """

    key: str | None
    email: str | None = None
    phone: str | None = None
    orders: tuple[str, ...] = ()
    request: str | None = None


@dataclass(frozen=True, slots=True)
class ErasureAsked:
    """A person is to be erased."""

    person: Person


@dataclass(frozen=True, slots=True)
class DataAsked:
    """A person wants to know what is kept of them."""

    person: Person


@dataclass(frozen=True, slots=True)
class SourceErased:
    """Everything that came from this account of the platform is to be erased: the merchant has left."""

    domain: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """The delivery asks for nothing.

    Attributes:
        reason: Why, for a person.
    """

    reason: str


Tidings: TypeAlias = Touched | Carried | Gone | CartClosed | ErasureAsked | DataAsked | SourceErased | Nothing
"""One thing that a delivery tells."""


class Signature(Protocol):
    """Proves where a delivery comes from."""

    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> None:
        """Come back, if one of the secrets signed the delivery, and lately where the platform signs the time.

        Compares in constant time, over the bytes received.

        Args:
            delivery: As received.
            secrets: All that may sign now: two while one replaces the other.

        Raises:
            SignatureError: None did (``bad_signature``), nothing is signed (``unsigned``), or the signature is too
                old (``stale``).
        """
        ...


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of happening.

    Attributes:
        stream: The stream whose run works it off; None where nobody has to.
        read: Reads the body, decoded from JSON with decimals exact: what it tells, in the order in which it happened.
            Raises `RejectedRecord` (``malformed``) where it hasn't the documented shape.
        key: Finds the record's key in the body for a glance; None where the shape isn't as documented.
        wanted: Whether the house subscribes to it; compliance topics, say, are set in the platform's own settings.
        scope: Permission that a subscription to it needs beside those without which nothing is read; where the
            credentials lack it, the topic is done without.
    """

    stream: str | None
    read: Callable[[Mapping[str, Any], Envelope, datetime], Sequence[Tidings]]
    key: Callable[[bytes], str | None]
    wanted: bool = True
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Webhooks:
    """All of a platform's webhooks.

    Attributes:
        signature: Proves a delivery.
        secret_names: Secrets of a connection that sign; each may hold several values, apart by white space.
        envelope: Names a delivery; raises `SignatureError` (``foreign``) where it names another account than the
            connection's own, and (``unnamed``) where a header that names it is missing.
        topics: By name.
    """

    signature: Signature
    secret_names: tuple[str, ...]
    envelope: Callable[[Delivery, ConnectionConfig], Envelope]
    topics: Mapping[str, Topic]

    def secrets(self, config: ConnectionConfig) -> tuple[str, ...]:
        """The values that may sign a delivery of this connection now; blank ones aren't among them."""
        found = (config.secrets.get(name, "") for name in self.secret_names)
        return tuple(value for text in found for value in text.split())

    def tidings(self, envelope: Envelope, body: bytes, received_at: datetime) -> Sequence[Tidings]:
        """What a kept delivery tells.

        Raises:
            RejectedRecord: ``malformed``: the body isn't JSON or hasn't the documented shape.
        """
        topic = self.topics.get(envelope.topic)
        if topic is None:
            return (Nothing(f"the topic {envelope.topic} isn't known"),)
        return topic.read(decode_body(body), envelope, received_at)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A platform's promise to send a topic to an address.

    Attributes:
        id: The platform's id.
        url: Where it sends.
        whole: Whether it sends everything, in the form that the house reads.
        details: What else the platform says of it, for a person.
    """

    id: str
    topic: str
    url: str
    whole: bool = True
    details: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Subscribes(Protocol):
    """A `Source` through which subscriptions are made."""

    def subscriptions(self) -> list[Subscription]:
        """Those that this app has, whatever made them.

        Raises:
            AuthError: Credentials or permissions don't suffice.
            RetryableError: The platform didn't answer within the patience.
        """
        ...

    def subscribe(self, topic: str, url: str) -> Subscription:
        """Make one.

        Raises:
            ConfigError: The platform refuses the address or the topic; quotes why.
            AuthError: Credentials or permissions don't suffice.
            RetryableError: The platform didn't answer; with ``in_doubt`` there may be one now.
        """
        ...

    def unsubscribe(self, subscription: Subscription) -> None:
        """Take one back; nothing happens where it is gone already."""
        ...


_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def decode_body(body: bytes) -> Mapping[str, Any]:
    """A body that is a JSON object, decimals exact.

    Raises:
        RejectedRecord: ``malformed``: it isn't one, or it is nested too deep to be one.
    """
    try:
        found: Mapping[str, Any] = _DECODER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        message = f"the body isn't a JSON object ({type(error).__name__})"
        raise RejectedRecord("malformed", message) from error
    return found
