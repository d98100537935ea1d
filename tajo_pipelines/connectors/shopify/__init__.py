"""Shopify: customers, orders, products and carts over the Admin GraphQL API, version 2026-10.

Webhooks and write-back are absent in this version and said to be so in ``manifest.yaml``. Set-up, scopes, limits and
known quirks stand in ``README.md``.
"""

from tajo_pipelines.connectors.shopify.connector import CONNECTOR

__all__ = ["CONNECTOR"]
