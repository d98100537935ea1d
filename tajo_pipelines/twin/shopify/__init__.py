"""Stand-in of one Shopify shop: Admin GraphQL 2026-10, client credentials and bulk operations, over a seeded shop.

``seed``, ``seed_orders``, ``catalogue`` and ``seed_carts`` make the shop, ``shop`` holds it, ``changes`` and
``commerce_changes`` alter it, ``facts`` counts it; ``graph`` executes documents against the SDL, with ``commerce``
and ``bulk_fields`` for its second half; ``search`` reads filters, ``cost`` prices queries, ``access`` knows tokens,
``bulk`` runs operations; ``app`` puts them together as a half of the twin.
"""
