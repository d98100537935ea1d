from __future__ import annotations

import pytest

from tajo_pipelines.twin.half import ChangeError
from tajo_pipelines_tests.twin.shopify.conftest import Api

ALL = "status:active,archived,draft,unlisted"
PRODUCTS = """query Products($after: String, $query: String) {
  products(first: 50, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { legacyResourceId status updatedAt } pageInfo { hasNextPage endCursor } } }"""
COUNT = "query ($q: String) { productsCount(query: $q) { count } }"


def found(api: Api, query: str | None) -> int:
    counted: int = api.data(COUNT, q=query)["productsCount"]["count"]
    return counted


def test_only_active_products_are_found_unless_others_are_asked_for(read_shop: Api) -> None:
    dump = read_shop.dump("products")
    active = sum(product["status"] == "ACTIVE" for product in dump)
    assert 0 < active < len(dump)
    for query in (None, "", "updated_at:>=2000-01-01", "vendor:'Kontor Nord'"):
        rows = [row for page in read_shop.pages(PRODUCTS, "products", query=query) for row in page]
        assert {row["status"] for row in rows} == {"ACTIVE"}
        assert len(rows) == active == found(read_shop, query)
    rows = [row for page in read_shop.pages(PRODUCTS, "products", query=ALL) for row in page]
    assert {row["legacyResourceId"] for row in rows} == {str(product["id"]) for product in dump}
    assert found(read_shop, "status:draft OR status:archived") == sum(
        product["status"] in ("DRAFT", "ARCHIVED") for product in dump
    )


def test_windows_over_products_and_their_default_status_go_together(read_shop: Api) -> None:
    rows = [row for page in read_shop.pages(PRODUCTS, "products", query=ALL) for row in page]
    border = rows[len(rows) // 2]["updatedAt"]
    later = [row for row in rows if row["updatedAt"] >= border]
    assert found(read_shop, f"updated_at:>='{border}' AND {ALL}") == len(later)
    assert found(read_shop, f"updated_at:>='{border}'") == sum(row["status"] == "ACTIVE" for row in later)


def test_more_than_100_variants_come_by_pages(read_shop: Api) -> None:
    big = max(read_shop.dump("products"), key=lambda product: len(product["variants"]))
    query = """query ($id: ID!, $after: String) { product(id: $id) { variantsCount { count }
      variants(first: 100, after: $after) { nodes { id position } pageInfo { hasNextPage endCursor } } } }"""
    gid = f"gid://shopify/Product/{big['id']}"
    first = read_shop.data(query, id=gid)["product"]
    assert (first["variantsCount"]["count"], len(first["variants"]["nodes"])) == (120, 100)
    assert first["variants"]["pageInfo"]["hasNextPage"] is True
    rest = read_shop.data(query, id=gid, after=first["variants"]["pageInfo"]["endCursor"])["product"]["variants"]
    assert [row["position"] for row in first["variants"]["nodes"] + rest["nodes"]] == list(range(1, 121))


def test_prices_stock_and_pages_are_the_dumps(read_shop: Api) -> None:
    dump = {str(product["id"]): product for product in read_shop.dump("products")}
    query = """query ($query: String) { products(first: 40, query: $query) { nodes { legacyResourceId onlineStoreUrl
      featuredMedia { preview { image { url } } } productType totalInventory collections(first: 9) { nodes { title } }
      priceRangeV2 { minVariantPrice { amount currencyCode } }
      variants(first: 9) { nodes { price compareAtPrice inventoryQuantity sku product { id } } } } } }"""
    rows = read_shop.data(query, query=ALL)["products"]["nodes"]
    for row in rows:
        product = dump[row["legacyResourceId"]]
        shown = product["publishedAt"] is not None and product["status"] in ("ACTIVE", "UNLISTED")
        assert (row["onlineStoreUrl"] is not None) is shown
        assert (row["featuredMedia"] is not None) is (product["images"] > 0)
        assert len(row["collections"]["nodes"]) == len(product["collections"])
        cheapest = min(variant["cents"] for variant in product["variants"])
        assert row["priceRangeV2"]["minVariantPrice"] == {"amount": f"{cheapest / 100:.2f}", "currencyCode": "EUR"}
        for each, variant in zip(row["variants"]["nodes"], product["variants"], strict=False):
            assert each["price"] == f"{variant['cents'] / 100:.2f}"
            assert each["inventoryQuantity"] == variant["stock"]
            assert (each["compareAtPrice"] is None) is (variant["compareAt"] is None)
    assert any(row["onlineStoreUrl"] is None for row in rows)
    assert any(each["inventoryQuantity"] < 0 for row in rows for each in row["variants"]["nodes"])


def test_a_collection_holds_the_products_that_name_it(read_shop: Api) -> None:
    query = "{ collections(first: 20) { nodes { id productsCount { count } products(first: 200) { nodes { id } } } } }"
    members: dict[str, set[str]] = {}
    for product in read_shop.dump("products"):
        for number in product["collections"]:
            members.setdefault(f"gid://shopify/Collection/{number}", set()).add(
                f"gid://shopify/Product/{product['id']}"
            )
    rows = read_shop.data(query)["collections"]["nodes"]
    assert {
        row["id"]: {each["id"] for each in row["products"]["nodes"]} for row in rows if row["products"]["nodes"]
    } == (members)
    assert any(row["productsCount"]["count"] == 0 for row in rows)


def test_variants_are_listed_and_searched_by_themselves(read_shop: Api) -> None:
    shop = read_shop.twin.shopify.shop
    query = """query ($query: String, $after: String) { productVariants(first: 250, query: $query, after: $after) {
      nodes { legacyResourceId sku } pageInfo { hasNextPage endCursor } } }"""
    rows = [row for page in read_shop.pages(query, "productVariants", query=None) for row in page]
    assert len(rows) == len(shop.variants) > 120
    wanted = next(variant for variant in shop.variants.values() if variant["sku"])
    (row,) = read_shop.data(query, query=f"sku:{wanted['sku']}")["productVariants"]["nodes"]
    assert row["legacyResourceId"] == str(wanted["id"])


def test_products_and_variants_are_changed_and_found_by_their_new_time(own_shop: Api) -> None:
    product = own_shop.dump("products")[0]
    variant = product["variants"][0]
    changed = own_shop.change("update_variant", id=variant["id"], fields={"cents": 1234, "stock": -2})["product"]
    assert changed["updatedAt"] > product["updatedAt"]
    assert found(own_shop, f"updated_at:>={changed['updatedAt']}") == 1
    own_shop.change("update_product", id=product["id"], fields={"status": "ARCHIVED", "collections": []})
    assert found(own_shop, f"updated_at:>={changed['updatedAt']}") == 0
    assert found(own_shop, f"updated_at:>={changed['updatedAt']} status:archived") == 1
    made = own_shop.change("create_product", title="Neu", status="DRAFT", variants=3, cents=500)["product"]
    assert [each["cents"] for each in made["variants"]] == [500] * 3
    grown = own_shop.change("add_variants", id=made["id"], count=2)["product"]
    assert len({each["id"] for each in grown["variants"]}) == 5
    order = own_shop.change("create_order", email="a@example.com", lines=[{"variant": variant["id"]}])["order"]
    assert (order["items"][0]["product"], order["items"][0]["price"][0]) == (product["id"], 1234)
    with pytest.raises(ChangeError, match="status is one of"):
        own_shop.twin.change("shopify", "update_product", id=product["id"], fields={"status": "SOLD"})


def test_without_read_products_they_are_denied(own_shop: Api) -> None:
    own_shop.change("set_scopes", scopes=["read_orders", "read_customers"])
    assert own_shop.refusal("{ products(first: 1) { nodes { id } } }")["extensions"]["code"] == "ACCESS_DENIED"
    assert own_shop.refusal("{ collections(first: 1) { nodes { id } } }")["extensions"]["code"] == "ACCESS_DENIED"
