"""Takes a contact away from Brevo."""

from __future__ import annotations

from tajo_pipelines.brevo.client import BrevoClient
from tajo_pipelines.brevo.refusals import BrevoRefusal
from tajo_pipelines.model.letter import VendorAnswer

_NOT_FOUND = 404


def delete_contact(client: BrevoClient, contact_id: int) -> VendorAnswer | None:
    """Delete a contact; one that is gone already is no matter.

    Returns:
        What Brevo says where it refuses (405: contacts that may not be deleted); None once the contact is gone.

    Raises:
        TajoError: Brevo can't be reached or used.
    """
    try:
        client.request(
            "DELETE",
            "/contacts/{identifier}",
            path_vars={"identifier": str(contact_id)},
            query={"identifierType": "contact_id"},
            accept=(_NOT_FOUND,),
        )
    except BrevoRefusal as refusal:
        return refusal.vendor
    return None
