"""Whether a form of a cart is news: what is in it, whatever path it came on.

A checkout that was read and one that a webhook carried write titles, links and prices differently, and an online
store's cart has no sums at all. So forms are compared by what all of them say alike: which goods, how many of each.
The sums count where both forms tell them in the same currency.
"""

from __future__ import annotations

from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.digest import digest

_PARTS = 3


def goods_of(cart: Cart) -> str:
    """A digest of what is in a cart, the same on every path."""
    return digest(sorted([line.variant_id or line.product_id or line.title, str(line.quantity)] for line in cart.lines))


def content_of(cart: Cart, *, sums: bool) -> str:
    """What a form says: a digest of its goods, its currency, a digest of its sums.

    Args:
        cart: The form.
        sums: Whether it tells what would be paid. Of an empty cart nothing would be, whatever it says.
    """
    goods = goods_of(cart)
    if not sums or not cart.lines:
        return f"{goods}:{cart.currency}:"
    paid = [format(cart.total.normalize(), "f"), *sorted(cart.coupons)]
    return f"{goods}:{cart.currency}:{digest(paid)}"


def is_told(given: str, content: str) -> bool:
    """Whether somebody who was told the one knows the other.

    Args:
        given: What Brevo was told; of an older store any text.
        content: What a form says.
    """
    before, now = given.split(":"), content.split(":")
    if len(before) != _PARTS or before[0] != now[0]:
        return False
    return before[1] != now[1] or not before[2] or not now[2] or before[2] == now[2]


def kept(given: str, content: str) -> str:
    """What has been told once a form that says the same has come: its sums, unless it has none."""
    return content if content.split(":")[2] else given
