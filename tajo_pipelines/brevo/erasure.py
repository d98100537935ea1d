"""Takes a contact away from Brevo."""

from __future__ import annotations

from tajo_pipelines.brevo.client import BrevoClient

_NOT_FOUND = 404


def delete_contact(client: BrevoClient, contact_id: int) -> bool:
    """Delete a contact; whether it was still there.

    Raises:
        BrevoRefusal: Brevo doesn't let it go (405: contacts that may not be deleted).
        TajoError: Brevo can't be reached or used.
    """
    answer = client.request(
        "DELETE",
        "/contacts/{identifier}",
        path_vars={"identifier": str(contact_id)},
        query={"identifierType": "contact_id"},
        accept=(_NOT_FOUND,),
    )
    return answer.status != _NOT_FOUND
