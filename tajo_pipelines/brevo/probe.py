"""Whether the key may write, proved by a write: only on a person's explicit word."""

from __future__ import annotations

from uuid import uuid4

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.consent_door import contact_flags
from tajo_pipelines.model.consent import Channel
from tajo_pipelines.model.errors import TajoError

_CONTACT = "/contacts/{identifier}"


def probe_write(client: BrevoClient) -> str:
    """Write a throw-away contact, blocked and on no list, and remove it again.

    Returns:
        Its address.

    Raises:
        AuthError: The key may not write.
        TajoError: Brevo refuses it otherwise, or the contact may still be there: the hint names it then.
    """
    address = f"tajo-probe-{uuid4().hex[:12]}@example.com"
    body = {"email": address, **contact_flags([Channel.EMAIL]), "updateEnabled": True}
    try:
        client.request("POST", "/contacts", body=body)
    finally:
        # Also where the answer was lost: Brevo may have written it all the same.
        _remove(client, address)
    return address


def _remove(client: BrevoClient, address: str) -> None:
    try:
        client.request(
            "DELETE",
            _CONTACT,
            path_vars={"identifier": address},
            query={"identifierType": "email_id"},
            accept=(404,),
        )
    except TajoError as error:
        error.hint = f"the throw-away contact {address} may be left: delete it in Brevo under Contacts"
        raise
