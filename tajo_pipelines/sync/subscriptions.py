"""Subscriptions to a platform's webhooks: made where they are missing, mended where they are wrong.

What is a connection's own is told by the path alone, ``…/webhooks/<connection>``. Whatever else the app is subscribed
to was made by somebody for something, and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import structlog

from tajo_pipelines.model.errors import AuthError, ConfigError, Notice
from tajo_pipelines.sdk import registry
from tajo_pipelines.sdk.webhooks import Subscribes, Subscription, Topic, Webhooks
from tajo_pipelines.settings.objects import Connection
from tajo_pipelines.sync.addresses import delivery_address, is_ours
from tajo_pipelines.sync.modes import Subscribed, subscribed, subscriptions_note
from tajo_pipelines.sync.workspace import Workspace

log = structlog.get_logger(__name__)

REFUSED = frozenset({"subscription_refused", "missing_scope"})
"""Codes of errors that concern one topic: the others can be subscribed to."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A topic that the platform doesn't let us subscribe to.

    Attributes:
        why: The platform's words.
        needs: The permission that the topic needs, where it is one that can be done without.
    """

    topic: str
    why: str
    needs: str | None


@dataclass(slots=True)
class Registration:
    """What became of a connection's subscriptions.

    Attributes:
        connection: Its name.
        url: Where its deliveries are sent to.
        since: Since when webhooks tell of what is subscribed to.
        kept: Topics whose subscription was right.
        created: Topics that had none.
        repaired: Topics whose subscription sent elsewhere, or less than everything.
        recreated: Of those created, topics that had a subscription when it was looked at last.
        removed: Ours that are needed no more: doubles, old addresses, topics of streams that don't listen.
        foreign: Others that the app has, left alone.
        refused: Topics that couldn't be subscribed to.
        by_hand: Topics that the platform's own settings alone can send here.
        notices: What a person should know.
    """

    connection: str
    url: str
    since: datetime
    kept: list[str] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    recreated: list[str] = field(default_factory=list)
    removed: list[Subscription] = field(default_factory=list)
    foreign: list[Subscription] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    by_hand: Sequence[str] = ()
    notices: list[Notice] = field(default_factory=list)

    @property
    def topics(self) -> list[str]:
        """What is subscribed to now."""
        return [*self.kept, *self.created, *self.repaired]

    @property
    def whole(self) -> bool:
        """Whether everything is subscribed to that needs no further permission."""
        return all(refusal.needs is not None for refusal in self.refused)


def register(workspace: Workspace, connection: Connection, public_url: str) -> Registration:
    """Let the platform tell of the connection's streams, and note that it does.

    What is missing is made, ours that send elsewhere or less are replaced, doubles are taken back. Doing it again
    changes nothing.

    Args:
        workspace: Settings and store.
        connection: The connection.
        public_url: Under which the platform reaches the receiver.

    Raises:
        ConfigError: The address can't be one, the platform has no such subscriptions, nothing listens, or the platform
            refuses every topic.
        AuthError: Credentials or permissions don't suffice.
        RetryableError: The platform didn't answer; what was made until then stands, and doing it again goes on.
        LeaseTaken: Somebody is at it.
    """
    url = delivery_address(public_url, connection.name)
    with _at_it(workspace, connection) as settling:
        return settling.settle(url, public_url, mend=True)


def check_subscriptions(workspace: Workspace, connection: Connection) -> Registration | None:
    """Make again what the platform has deleted; None where nothing was registered.

    Subscriptions that send elsewhere are left alone here: another installation may have registered them.

    Raises:
        TajoError: As `register` does.
    """
    noted = subscribed(workspace, connection)
    if noted is None or not noted.public_url:
        return None
    url = delivery_address(noted.public_url, connection.name)
    with _at_it(workspace, connection) as settling:
        found = settling.settle(url, noted.public_url, mend=False)
    if found.recreated:
        names = {"connection": connection.name, "topics": found.recreated}
        log.warning("the platform had deleted subscriptions; they were made again", **names)
    return found


def present_subscriptions(workspace: Workspace, connection: Connection) -> list[Subscription]:
    """Those that the app has now, of whoever.

    Raises:
        TajoError: As `register` does.
    """
    with closing(workspace.open_source(connection)) as source:
        return _subscribing(source, connection).subscriptions()


def wanted_topics(webhooks: Webhooks, connection: Connection) -> dict[str, Topic]:
    """The topics that tell of streams of the connection that listen."""
    listening = {name for name in connection.enabled_streams if connection.streams[name].mode != "batch"}
    return {name: topic for name, topic in webhooks.topics.items() if topic.wanted and topic.stream in listening}


def topics_by_hand(webhooks: Webhooks) -> tuple[str, ...]:
    """The topics that no subscription brings, and that are carried out where they come."""
    return tuple(name for name, topic in webhooks.topics.items() if not topic.wanted and topic.stream is not None)


@dataclass(slots=True)
class _Settling:
    """One look at a connection's subscriptions, and what is done about it."""

    workspace: Workspace
    connection: Connection
    webhooks: Webhooks
    platform: Subscribes
    _errors: list[ConfigError | AuthError] = field(default_factory=list)

    def settle(self, url: str, public_url: str, *, mend: bool) -> Registration:
        """Make, and with ``mend`` also replace and take back, until what is wanted is what there is."""
        connection, now = self.connection, self.workspace.now()
        wanted, noted = wanted_topics(self.webhooks, connection), subscribed(self.workspace, connection)
        if not wanted:
            message = f"no stream of {connection.name} listens to webhooks"
            hint = "enable one of them, with mode: hybrid or realtime"
            raise ConfigError(message, code="nothing_listens", where=connection.where, hint=hint)
        found = Registration(connection.name, url, now, by_hand=topics_by_hand(self.webhooks))
        ours: dict[str, list[Subscription]] = {}
        for each in self.platform.subscriptions():
            known = is_ours(each.url, connection.name) and self._is_known(each.topic)
            (ours.setdefault(each.topic, []) if known else found.foreign).append(each)
        for topic in wanted:
            self._settle_topic(found, topic, ours.pop(topic, []), mend=mend)
        if mend:
            for rest in ours.values():
                self._take_back(found, rest)
        else:
            found.foreign += [each for rest in ours.values() for each in rest]
        if not found.topics:
            raise self._errors[0]
        before = set(noted.topics) if noted is not None else set()
        found.recreated = [topic for topic in found.created if topic in before]
        if noted is not None and set(found.topics) <= before:
            # What was deleted meanwhile was promised all the while: what it would have told counts as missed.
            found.since = noted.since
        self._note(found, public_url)
        self._remark(found)
        return found

    def _settle_topic(self, found: Registration, topic: str, held: Sequence[Subscription], *, mend: bool) -> None:
        here = [each for each in held if each.url == found.url]
        right = [each for each in here if each.whole]
        elsewhere = [each for each in held if each.url != found.url]
        if right:
            found.kept.append(topic)
            self._compare_version(found, right[0])
            # A delivery for each of two would come twice.
            self._take_back(found, [each for each in here if each is not right[0]])
        else:
            # One address has one subscription to a topic: what sends less makes room first.
            self._take_back(found, here)
            if not self._make(found, topic, mended=bool(here) or (mend and bool(elsewhere))):
                found.foreign += elsewhere
                return
        if mend:
            self._take_back(found, elsewhere)
        else:
            found.foreign += elsewhere

    def _make(self, found: Registration, topic: str, *, mended: bool) -> bool:
        try:
            made = self.platform.subscribe(topic, found.url)
        except (ConfigError, AuthError) as error:
            if error.code not in REFUSED:
                raise
            self._errors.append(error)
            found.refused.append(Refusal(topic, error.message, self.webhooks.topics[topic].scope))
            return False
        self._compare_version(found, made)
        (found.repaired if mended else found.created).append(topic)
        return True

    def _take_back(self, found: Registration, held: Sequence[Subscription]) -> None:
        for each in held:
            try:
                self.platform.unsubscribe(each)
            except ConfigError as error:
                found.notices.append(Notice(error.code, f"{each.topic}: {error.message}", each.url))
            else:
                found.removed.append(each)

    def _compare_version(self, found: Registration, held: Subscription) -> None:
        """Warn where bodies come in the form of another version than the one that is read here."""
        ours, theirs = registry.manifest(self.connection.connector).api_version, held.details.get("api_version")
        if ours is None or theirs is None or ours == theirs:
            return
        message = f"deliveries come in the form of the version {theirs}; set {ours} in the app's settings"
        notice = Notice("webhook_version", message, found.connection)
        if notice not in found.notices:
            found.notices.append(notice)

    def _is_known(self, topic: str) -> bool:
        known = self.webhooks.topics.get(topic)
        return known is not None and known.wanted

    def _note(self, found: Registration, public_url: str) -> None:
        noted = Subscribed(since=found.since, topics=tuple(found.topics), public_url=public_url)
        text = msgspec.json.encode(noted).decode()
        self.workspace.store.set_note(subscriptions_note(self.connection.name), text)

    def _remark(self, found: Registration) -> None:
        """Say what works less than it could."""
        for refusal in found.refused:
            code = "topic_refused" if refusal.needs is None else "topic_needs_scope"
            needs = f"; it needs the permission {refusal.needs}" if refusal.needs else ""
            found.notices.append(Notice(code, f"{refusal.why}{needs}", refusal.topic))


def _subscribing(source: object, connection: Connection) -> Subscribes:
    if not isinstance(source, Subscribes):
        message = f"subscriptions of {connection.connector} can't be made from here"
        hint = f"make them in {connection.connector}'s own settings"
        raise ConfigError(message, code="subscriptions_absent", where=connection.where, hint=hint)
    return source


@contextmanager
def _at_it(workspace: Workspace, connection: Connection) -> Iterator[_Settling]:
    webhooks = workspace.connector(connection).webhooks
    if webhooks is None:
        message = f"{registry.manifest(connection.connector).title} tells nothing by webhooks"
        raise ConfigError(message, code="webhooks_absent", where=connection.where)
    if not webhooks.secrets(connection.config()):
        names = " or ".join(connection.secret_variables[key] for key in webhooks.secret_names)
        message = f"nothing could prove a delivery of {connection.name}: {names} is missing or blank"
        hint = f"set {names} in the environment or in .env"
        raise ConfigError(message, code="webhook_secret_missing", where=connection.where, hint=hint)
    name = subscriptions_note(connection.name)
    with (
        closing(workspace.open_source(connection)) as source,
        workspace.store.leases.hold(name, "another look at the subscriptions"),
    ):
        yield _Settling(workspace, connection, webhooks, _subscribing(source, connection))
