"""Two customers become one, as the vendor's ``customerMerge`` decides (its description in the 2026-10 schema)."""

from __future__ import annotations

from typing import Any

from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines.twin.shopify.shop import Document, Shop

_YES = ("SUBSCRIBED", "PENDING")


def kept_of(one: Document, two: Document, keep_email_of: int | None = None) -> Document:
    """Which of two customers stays.

    The one whose e-mail was chosen; the only one with an e-mail; an enabled account; an invited one unless the
    consent of the other says otherwise; who is subscribed or pending; else the second.
    """
    if keep_email_of is not None:
        return one if one["id"] == keep_email_of else two
    if (one["email"] is None) != (two["email"] is None):
        return two if one["email"] is None else one
    if one["email"] is not None:
        consent = _only(one, two, lambda customer: customer["emailState"] in _YES)
        enabled = _only(one, two, lambda customer: customer["state"] == "ENABLED")
        invited = _only(one, two, lambda customer: customer["state"] == "INVITED")
        return enabled or consent or invited or two
    return two


def merge(
    shop: Shop, one: Document, two: Document, keep_email_of: Any = None, *, told: bool = True
) -> tuple[Document, Document]:
    """Merge copies of two customers: orders and carts go to the one that stays, the other is deleted.

    Orders and carts keep their ``updatedAt``. The one that stays keeps its e-mail with its consent and takes from
    the other what it lacks.

    Args:
        shop: Where they are.
        one: A copy of one customer.
        two: A copy of the other.
        keep_email_of: Whose e-mail stays.
        told: Whether the deletion is told too; the merge always is.

    Returns:
        The one that stayed, and the one that is gone.

    Raises:
        ChangeError: ``keep_email_of`` is neither, or has no e-mail.
    """
    chosen = None if keep_email_of is None else int(str(keep_email_of).rsplit("/", 1)[-1])
    if chosen is not None and chosen not in [each["id"] for each in (one, two) if each["email"] is not None]:
        raise ChangeError("keep_email_of is one of both, with an e-mail")
    kept = kept_of(one, two, chosen)
    gone = two if kept is one else one
    if kept["phone"] is None and gone["phone"] is not None:
        kept.update({name: gone[name] for name in ("phone", "smsState", "smsLevel", "smsAt")})
    for name in ("firstName", "lastName"):
        kept[name] = kept[name] or gone[name]
    kept["tags"] = sorted({*kept["tags"], *gone["tags"]})
    kept["note"] = "\n".join(note for note in (kept["note"], gone["note"]) if note) or None
    kept["addresses"] = [*kept["addresses"], *gone["addresses"]]
    for order in list(shop.orders_of(gone["id"])):
        shop.save({**order, "customer": kept["id"]}, at=order["updatedAt"], told=False)
    for cart in [cart for cart in shop.carts.values() if cart["customer"] == gone["id"]]:
        shop.save({**cart, "customer": kept["id"]}, at=cart["updatedAt"], told=False)
    shop.delete("Customer", gone["id"], told=told)
    shop.save(kept)
    if shop.watcher is not None:
        shop.watcher.merged(kept, gone)
    return kept, gone


def _only(one: Document, two: Document, test: Any) -> Document | None:
    """The one that passes where the other doesn't."""
    if bool(test(one)) == bool(test(two)):
        return None
    return one if test(one) else two
