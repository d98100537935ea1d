"""A machine that does to one account what shops, people and we do, and judges after each delivery by an oracle."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tajo_pipelines.brevo.contact_change import ContactChange, Outcome
from tajo_pipelines.model.consent import Channel, State
from tajo_pipelines.twin.server import TwinProcess
from tajo_pipelines_tests.brevo.account_world import ALL, EMAIL_FLAG, SMS_FLAG, SUBS_A, SUBS_B, Hands, Says, World
from tajo_pipelines_tests.brevo.consent_oracle import SOMEBODY, Address, No, Oracle, Verdict, Yes
from tajo_pipelines_tests.brevo.consent_people import (
    CAUSES,
    EMAILS,
    OURS,
    PHONES,
    RECORDS,
    SUBSCRIBERS,
    Shopper,
    channels,
    check_each_is_freed_once,
    emails,
    held,
    is_blocked,
    words,
)


class ConsentMachine(RuleBasedStateMachine):
    """Drives one account."""

    twin: TwinProcess
    hands: Hands
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tajo-consent-"))
        self.world = World(self.twin, self.hands, self.folder, self.template, confirmed_only=frozenset({"b"}))
        self.oracle = Oracle()
        self.shop: dict[tuple[str, str], Shopper] = {}
        self.changed: set[tuple[str, str]] = set()
        self.orders: list[ContactChange] = []
        self.fed: dict[tuple[str, str], tuple[str, bool]] = {}
        """The address under which a record was delivered last, and whether a store says so."""
        self.heard = 0
        """Entries of the journal that were taken in."""
        self.read: dict[int, dict[str, Any]] = {}
        """Everybody as the last delivery left them."""
        self.deleted: set[str] = set()
        """Who was deleted since the account was read whole."""
        self.whole_at: datetime | None = None
        self.read_at: datetime | None = None
        self.lost = False
        self.vague = False
        """Whether a store was lost: which blocks in the statistics were ours isn't known any more."""

    def teardown(self) -> None:
        self.world.close()
        shutil.rmtree(self.folder)

    # -- the shops ------------------------------------------------------------------------------------------------

    @initialize(first=st.integers(0, 3))
    def some_people_are_there(self, first: int) -> None:
        for number, record in enumerate(RECORDS):
            self.shop[record] = Shopper(EMAILS[(first + number) % 3])
        self.changed = set(RECORDS)

    def _said(self, word: str) -> Says | None:
        now = self.hands.moment
        return {
            "silent": Says(State.UNKNOWN),
            "yes": Says(),
            "yes now": Says(at=now),
            "yes before": Says(at=now - timedelta(minutes=45)),
            "confirmed": Says(at=now, confirmed=True),
            "no": Says(State.DENIED),
            "no now": Says(State.DENIED, now),
        }[word]

    @rule(record=st.sampled_from(RECORDS), email=words, sms=st.none() | words)
    def a_shop_learns_consent(self, record: tuple[str, str], email: str, sms: str | None) -> None:
        self.hands.wait(minutes=11)
        shopper = replace(self.shop[record], says=self._said(email), name=f"N{self.hands.moment:%H%M}")
        if sms is not None:
            shopper = replace(shopper, sms=self._said(sms))
        self._edit(record, shopper)

    @rule(record=st.sampled_from(RECORDS), email=emails)
    def an_address_changes(self, record: tuple[str, str], email: str) -> None:
        self.hands.wait(minutes=11)
        self._edit(record, replace(self.shop[record], email=email))

    @rule(record=st.sampled_from(RECORDS), phone=st.sampled_from([None, *PHONES]))
    def a_phone_changes(self, record: tuple[str, str], phone: str | None) -> None:
        self.hands.wait(minutes=11)
        self._edit(record, replace(self.shop[record], phone=phone))

    def _edit(self, record: tuple[str, str], shopper: Shopper) -> None:
        # Two records of one shop have two addresses.
        taken = {other.email for name, other in self.shop.items() if name != record and name[0] == record[0]}
        if shopper.email not in taken:
            self.shop[record] = shopper
            self.changed.add(record)

    @rule(connection=st.sampled_from("ab"), email=emails, ticked=st.booleans())
    def somebody_orders(self, connection: str, email: str, ticked: bool) -> None:
        self.hands.wait(minutes=11)
        order = self.world.order(f"{100 + len(self.orders)}", email, ticked=ticked, connection=connection)
        self.orders.append(order)

    # -- people at Brevo ------------------------------------------------------------------------------------------

    def _at_brevo(self, email: str) -> bool:
        self.hands.wait(minutes=11)
        return self.world.contact(email) is not None

    @rule(email=emails, channel=channels, cause=st.sampled_from(CAUSES))
    def somebody_leaves(self, email: str, channel: Channel, cause: str) -> None:
        if self._at_brevo(email):
            cause = cause if channel is Channel.EMAIL else "user"
            self.world.change("unsubscribe", email=email, channel=channel.value, cause=cause)

    @rule(email=emails, channel=channels, double=st.booleans())
    def somebody_opts_in_there(self, email: str, channel: Channel, double: bool) -> None:
        if self._at_brevo(email):
            double = double and channel is Channel.EMAIL
            self.world.change("opt_in", email=email, channel=channel.value, double=double)

    @rule(email=emails, number=st.sampled_from([ALL, SUBS_A, SUBS_B]))
    def somebody_leaves_a_list(self, email: str, number: int) -> None:
        if self._at_brevo(email):
            self.world.change("list_unsubscribe", email=email, list=number)

    @rule(email=emails, recreated=st.sampled_from([None, False, True]))
    def somebody_is_deleted(self, email: str, recreated: bool | None) -> None:
        if self._at_brevo(email):
            self.world.change("delete_contact", email=email)
            self.deleted.add(email)
            if recreated is not None:
                self.hands.wait(minutes=11)
                self.world.change("create_contact", email=email, double=recreated)

    @rule(email=emails, double=st.booleans(), blocked=st.booleans())
    def somebody_joins_there(self, email: str, double: bool, blocked: bool) -> None:
        if not self._at_brevo(email):
            self.world.change("create_contact", email=email, double=double, emailBlacklisted=blocked)

    @rule(email=emails, to=emails)
    def somebody_is_renamed_there(self, email: str, to: str) -> None:
        if self._at_brevo(email) and self.world.contact(to) is None:
            self.world.change("rename_contact", email=email, to=to)
            self.deleted.add(email)

    # -- circumstances --------------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 25]))
    def time_passes(self, hours: int) -> None:
        self.hands.wait(hours=hours)

    @rule(minutes=st.sampled_from([-2, 0, 2]))
    def clocks_drift(self, minutes: int) -> None:
        self.hands.skew = timedelta(minutes=minutes)

    @precondition(lambda self: self.whole_at is not None)
    @rule()
    def the_store_is_lost(self) -> None:
        self.hands.wait(minutes=11)
        self.world.lose_store()
        self.fed = {name: (email, False) for name, (email, _) in self.fed.items()}
        self.whole_at, self.read_at, self.lost, self.vague = None, None, True, True

    def _read_anew(self) -> None:
        """A new store knows what it reads."""
        rows = self.world.contacts().values()
        self.oracle.forget({address for row in rows for address in held(row) if is_blocked(row, address)})
        self.read, self.lost = {}, False

    # -- we -------------------------------------------------------------------------------------------------------

    @rule(imports=st.booleans(), everything=st.booleans(), force=st.booleans(), again=st.booleans())
    def we_deliver(self, imports: bool, everything: bool, force: bool, again: bool) -> None:
        self._deliver(imports, everything, force, again, joins=None)

    @rule(email=emails, double=st.booleans())
    def we_import_while_somebody_joins(self, email: str, double: bool) -> None:
        self._deliver(imports=True, everything=True, force=False, again=False, joins=(email, double))

    def _deliver(
        self, imports: bool, everything: bool, force: bool, again: bool, joins: tuple[str, bool] | None
    ) -> None:
        self.hands.wait(minutes=11)
        if self.whole_at is None or self.hands.ours() - self.whole_at >= timedelta(hours=24):
            self.whole_at, self.deleted = self.hands.ours(), set()
        records = list(self.shop) if everything else sorted(self.changed)
        changes = [
            self.world.customer(
                name[1],
                (shopper := self.shop[name]).email,
                phone=shopper.phone,
                says=shopper.says,
                sms=shopper.sms,
                connection=name[0],
                name=shopper.name,
            )
            for name in records
        ]
        orders, self.orders, self.changed = self.orders, [], set()
        before = self.world.contacts()
        frees = len(self.world.freed_by_us())
        if self.lost:
            self._read_anew()
        self._take_in()
        if joins is not None:
            self.world.meanwhile.append(lambda: self._join(*joins))
        how = {"import_from": 1 if imports else 1000, "force": force}
        self.world.deliver(*changes, **how)
        found = self.world.deliver(*orders, **how)
        found += self.world.deliver(*changes, **how) if again and not self._stale(imports) else []
        assert Outcome.FAILED not in found
        self.world.meanwhile.clear()
        self._hear(changes, orders, before)
        after = self.world.contacts()
        for row in after.values():
            note(f"{row['id']} {row['email']} {row['attributes']} {row[EMAIL_FLAG]} {row[SMS_FLAG]} {row['listIds']}")
        self._check_nobody_is_mailed_against_their_will(after)
        self._check_strangers(before, after, imports)
        self._check_the_granted(changes + orders, after, imports)
        self._check_the_journal(frees, after)
        if again and not self._stale(imports):
            written = len(self.world.writes())
            self.world.deliver(*changes, **{**how, "force": False})
            self.world.deliver(*orders, **{**how, "force": False})
            assert self.world.writes()[written:] == []
        self.read, self.read_at = self.world.contacts(), self.hands.moment
        self.heard = len(self.world.journal())

    def _join(self, email: str, double: bool) -> None:
        if self.world.contact(email) is None:
            self.world.change("create_contact", email=email, double=double)
            if double:
                self.oracle.yeses[(email, Channel.EMAIL)].add(
                    Yes("brevo", self.hands.moment, confirmed=True, sure=False)
                )

    def _stale(self, imports: bool) -> bool:
        """Whether an import may rest on contacts that are gone: the next reading mends that."""
        return imports and bool(self.deleted)

    # -- what the oracle is told ------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        """What people did at Brevo since the last delivery, as far as a reading shows it."""
        fresh = self.world.journal()[self.heard :]
        for entry in fresh:
            if entry["what"] in ("deleted", "renamed"):
                self.oracle.lose_statistics(entry.get("old") or entry["email"])
        self.heard += len(fresh)
        for row in self.world.contacts().values():
            self._take_in_row(row, [entry for entry in fresh if entry["contact"] == row["id"]])
        self._carry()

    def _take_in_row(self, row: dict[str, Any], fresh: list[dict[str, Any]]) -> None:
        known = self.read.get(row["id"])
        is_renamed = known is not None and known["email"] != row["email"]
        if known is not None and is_renamed:
            for no in list(self.oracle.noes[(known["email"], Channel.EMAIL)]):
                sure = no.sure and row[EMAIL_FLAG]
                self.oracle.noes[(row["email"], Channel.EMAIL)].add(replace(no.said, source=SOMEBODY, sure=sure))
        if row["attributes"].get("DOUBLE_OPT-IN") == "1" and known is None:
            word = Yes("brevo", self._moment(row["createdAt"]), confirmed=True, sure=not row[EMAIL_FLAG])
            self.oracle.yeses[(row["email"], Channel.EMAIL)].add(word)
        for address in held(row):
            own = [e for e in fresh if e["what"] in ("blocked", "freed") and e["channel"] == address[1].value]
            own = [entry for entry in own if entry["by"] in CAUSES]
            if own:
                double = any(entry["what"] == "opted_in" and entry.get("double") for entry in fresh)
                was_blocked = known is not None and is_blocked(known, address) and not is_renamed
                self._word(address, own, was_blocked=was_blocked, blocked=is_blocked(row, address), double=double)

    def _word(
        self, address: Address, own: list[dict[str, Any]], *, was_blocked: bool, blocked: bool, double: bool
    ) -> None:
        now, first, last = self.hands.moment, self._moment(own[0]["at"]), self._moment(own[-1]["at"])
        never = any(entry["by"] in ("complaint", "hard_bounce") for entry in own)
        if own[-1]["what"] == "blocked":
            # Statistics are read before anybody is freed, but there are none of SMS.
            sure = blocked and (not was_blocked or address[1] is Channel.EMAIL)
            latest = now + timedelta(minutes=3)
            self.oracle.noes[address].add(No("brevo", last, latest, never, sure, hidden=was_blocked))
        elif not blocked:
            self.oracle.yeses[address].add(Yes("brevo", last, sure=was_blocked))
            if double:
                # That it was confirmed is seen, but not when.
                self.oracle.yeses[address].add(Yes("brevo", last, confirmed=True, sure=False))
            if any(entry["what"] == "blocked" for entry in own):
                # Left and came back between two readings: only statistics tell of it.
                self.oracle.noes[address].add(No("brevo", first, now, never=never, sure=False))

    def _carry(self) -> None:
        """Blocks that are there are read back, at once where the contact was changed since the last reading."""
        since = (self.read_at - timedelta(minutes=5)).timestamp() if self.read_at is not None else 0.0
        for row in self.world.contacts().values():
            for address in held(row):
                if is_blocked(row, address):
                    self.oracle.carry(address, self.hands.moment, sure=row["modifiedAt"] > since)

    def _moment(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, self.hands.moment.tzinfo)

    def _hear(
        self, changes: list[ContactChange], orders: list[ContactChange], before: dict[int, dict[str, Any]]
    ) -> None:
        for change in changes:
            self.oracle.hear(change.facts)
        for change in changes:
            name = (change.connection, change.key)
            old, sure = self.fed.get(name, (None, False))
            if old is not None and change.email is not None and old != change.email:
                self.oracle.move((old, Channel.EMAIL), (change.email, Channel.EMAIL), sure=sure)
            assert change.email is not None
            self.fed[name] = (change.email, True)
        for number, row in self.world.contacts().items():
            old_phone = before.get(number, {"attributes": {}})["attributes"].get("SMS")
            new_phone = row["attributes"].get("SMS")
            if old_phone and new_phone and old_phone != new_phone:
                self.oracle.move((f"+{old_phone}", Channel.SMS), (f"+{new_phone}", Channel.SMS), sure=True)
        for order in orders:
            self.oracle.hear(order.facts)
        # What was blocked with the customers was read back before the orders were told.
        self._carry()

    # -- what must hold ---------------------------------------------------------------------------------------------

    def _check_nobody_is_mailed_against_their_will(self, after: dict[int, dict[str, Any]]) -> None:
        for row in after.values():
            for address in held(row):
                if self.oracle.verdict(address) is Verdict.DENIED:
                    assert is_blocked(row, address), f"{address} objected and can be reached"

    def _check_strangers(
        self, before: dict[int, dict[str, Any]], after: dict[int, dict[str, Any]], imports: bool
    ) -> None:
        for number, row in after.items():
            for address in held(row):
                if self.oracle.verdict(address) is not Verdict.UNKNOWN:
                    continue
                old = before.get(number)
                if old is None:
                    mended = self._stale(imports) and row["email"] in self.deleted
                    assert is_blocked(row, address) or row["created_by"] == "person" or mended, f"{address} unasked"
                elif address in held(old):
                    assert is_blocked(row, address) >= is_blocked(old, address), f"{address} isn't known, and was freed"
                    # Whom a record was before a store was lost is guessed by marks that may be old.
                    assert self.vague or not is_blocked(row, address) or is_blocked(old, address), f"{address} blocked"
                else:
                    assert is_blocked(row, address), f"{address} was made reachable by us"

    def _check_the_granted(self, changes: list[ContactChange], after: dict[int, dict[str, Any]], imports: bool) -> None:
        by_email = {row["email"]: row for row in after.values()}
        for change in changes:
            assert change.email is not None
            row = by_email.get(change.email)
            if row is None and change.email in self.deleted:
                continue  # nothing was to be sent, so nobody noticed
            assert row is not None, f"{change.email} has no contact"
            for address in held(row):
                if self.oracle.verdict(address) is not Verdict.GRANTED or self.vague:
                    continue
                assert not is_blocked(row, address), f"{address} said yes and can't be reached"
                if address[1] is Channel.EMAIL and not self._stale(imports):
                    self._check_the_list(change, row, address)

    def _check_the_list(self, change: ContactChange, row: dict[str, Any], address: Address) -> None:
        own = SUBSCRIBERS[change.connection]
        if self.oracle.verdict(address, change.connection) is Verdict.GRANTED:
            assert own in row["listIds"] or own in row["listUnsubscribed"], f"{address} isn't on its list"

    def _check_the_journal(self, frees: int, after: dict[int, dict[str, Any]]) -> None:
        journal = self.world.journal()
        assert not [entry for entry in journal if entry["what"] == "freed" and entry["by"] == "rename"]
        assert not [entry for entry in journal if entry["what"] == "relisted" and entry["by"] in OURS]
        for entry in self.world.freed_by_us()[frees:]:
            row = after[entry["contact"]]
            for address in held(row):
                if address[1].value == entry["channel"]:
                    assert self.oracle.verdict(address) in (Verdict.GRANTED, Verdict.UNCLEAR), f"{address} freed"
        if not self.vague:
            check_each_is_freed_once(self.world, self.oracle)
