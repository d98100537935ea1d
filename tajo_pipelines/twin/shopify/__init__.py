"""Stand-in of one Shopify shop: Admin GraphQL 2026-10 and client credentials, over a seeded shop.

``seed`` makes customers and orders, ``shop`` holds them, ``changes`` alters them, ``facts`` counts them;
``graph`` executes documents against ``schema.graphql``, ``search`` reads its filters, ``cost`` its limits,
``access`` its tokens; ``app`` puts them together as a half of the twin.
"""
