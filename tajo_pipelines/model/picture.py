"""What an account was last seen to hold of a contact: a row of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SeenContact:
    """One contact as read from GET /contacts.

    Attributes:
        contact_id: Brevo's id.
        email: Lower case; None for a contact without one. Brevo's invented ``…@mailin-sms.com`` counts as none.
        phone: SMS attribute in E.164 with ``+``; None where there is none.
        email_blocked: On the blocklist of marketing e-mail.
        sms_blocked: On the blocklist of SMS.
        lists: Ids of its lists.
        left_lists: Ids of lists that the person left (``listUnsubscribed``).
        double_opted_in: Whether Brevo marks it so (attribute ``DOUBLE_OPT-IN``).
        mark: The text of ``TAJO_BLOCKED``, empty where there is none.
        sources: The text of ``TAJO_SOURCES``, empty where there is none.
        read_at: When it was read.
    """

    contact_id: int
    email: str | None
    phone: str | None
    email_blocked: bool
    sms_blocked: bool
    lists: frozenset[int]
    left_lists: frozenset[int]
    double_opted_in: bool
    mark: str
    sources: str
    created_at: datetime
    modified_at: datetime
    read_at: datetime
