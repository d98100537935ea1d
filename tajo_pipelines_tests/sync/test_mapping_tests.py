"""Mapping tests: what is compared, how, and what a wrong file is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings import load_settings
from tajo_pipelines.sync.mapping_test_files import streams_with_tests
from tajo_pipelines.sync.mapping_tests import CaseResult, run_mapping_tests
from tajo_pipelines.sync.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """connectors:
  shopify:
    shop_url: "shop.myshopify.com"
    opt_in: confirmed
    region: DE
    field_mapping:
      first_name: FIRSTNAME
      tags: TAGS
      zip: ZIP
      birthday: BIRTHDAY
      tax_exempt: EXEMPT
      TOTAL: {from: total_spent}
      POINTS: {from: raw.points, transform: number}
      CHOICES: {from: tags, type: multiple-choice}
  other: {connector: shopify, shop_url: "other.myshopify.com", field_mapping: {email: email}}
"""

Run = Callable[..., list[CaseResult]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs test files in a project that has neither secrets nor a store."""
    folder = tmp_path / "config" / "tests"
    folder.mkdir(parents=True)
    (tmp_path / "config" / "connectors.yaml").write_text(CONFIG, "utf-8")
    shutil.copy(ROOT / "workspace.yaml", tmp_path)

    def call(text: str, *, environ: dict[str, str] | None = None, **more: Any) -> list[CaseResult]:
        (folder / "a.yaml").write_text(text, "utf-8")
        workspace = Workspace(load_settings(tmp_path, environ or {}, require_secrets=False))
        try:
            return run_mapping_tests(workspace, **more)
        finally:
            workspace.close()
            assert not (tmp_path / ".tajo").exists()

    return call


def one(canonical: str, expect: str) -> str:
    return f"connection: shopify\ncases:\n  - name: x\n    canonical: {canonical}\n    expect: {expect}\n"


RIGHT = [
    ("{first_name: Ana}", "{attributes: {FIRSTNAME: Ana}}"),
    ("{zip: '02552'}", "{attributes: {ZIP: 02552}}"),
    ("{zip: '02552'}", "{attributes: {ZIP: '02552'}}"),
    ("{birthday: 1990-05-17}", "{attributes: {BIRTHDAY: 1990-05-17}, canonical: {birthday: 1990-05-17}}"),
    ("{taxExempt: true}", "{attributes: {EXEMPT: true}, canonical: {tax_exempt: true}}"),
    ("{total_spent: 12.50}", "{attributes: {TOTAL: 12.5}, canonical: {totalSpent: '12.50'}}"),
    ("{tags: [a, b]}", "{attributes: {TAGS: 'a, b', CHOICES: [a, b]}, canonical: {tags: [a, b]}}"),
    ("{tags: []}", "{attributes: {TAGS: ''}, cleared: [CHOICES, TAGS]}"),
    ("{email: A@Example.com, phone: 0151 23456789}", "{attributes: {EMAIL: a@example.com, SMS: '+4915123456789'}}"),
    ("{}", "{attributes: {FIRSTNAME: null, EMAIL: null}, rejected: no_identifier}"),
    (
        "{consent: {email: {state: granted, confirmed: true, at: '2026-01-02T03:04:05+01:00'}}}",
        "{consent: {email: {state: granted, at: '2026-01-02T02:04:05Z'}}}",
    ),
    ("{consent: {email: granted, sms: denied}}", "{consent: {email: unknown, sms: denied}}"),
    ("{updated_at: '2026-01-02T03:04:05Z'}", "{canonical: {updatedAt: '2026-01-02T04:04:05+01:00'}}"),
]


@pytest.mark.parametrize(("canonical", "expect"), RIGHT)
def test_what_is_as_expected_passes(canonical: str, expect: str, run: Run) -> None:
    (result,) = run(one(canonical, expect))
    assert result.mismatches == ()


@pytest.mark.parametrize(
    ("canonical", "expect", "path", "found"),
    [
        ("{first_name: Ana}", "{attributes: {FIRSTNAME: ana}}", "attributes.FIRSTNAME", "Ana"),
        ("{first_name: Ana}", "{attributes: {FIRSTNAME: null}}", "attributes.FIRSTNAME", "Ana"),
        ("{}", "{attributes: {FIRSTNAME: Ana}}", "attributes.FIRSTNAME", None),
        ("{first_name: ''}", "{attributes: {FIRSTNAME: null}}", "attributes.FIRSTNAME", ""),
        ("{total_spent: 12.50}", "{attributes: {TOTAL: '12.5'}}", "attributes.TOTAL", 12.5),
        ("{tax_exempt: true}", "{attributes: {EXEMPT: 1}}", "attributes.EXEMPT", True),
        ("{tags: [a, b]}", "{attributes: {CHOICES: [a]}}", "attributes.CHOICES", ["a", "b"]),
        ("{tags: [a, b]}", "{attributes: {CHOICES: [a, c]}}", "attributes.CHOICES.1", "b"),
        ("{consent: {email: granted}}", "{consent: {email: granted}}", "consent.email.state", "unknown"),
        ("{email: a@b.example}", "{rejected: no_identifier}", "rejected", None),
        ("{tags: []}", "{cleared: [TAGS]}", "cleared", ["CHOICES", "TAGS"]),
        ("{email: x}", "{problems: []}", "problems.EMAIL", "invalid_email"),
        ("{}", "{problems: [POINTS]}", "problems.POINTS", None),
    ],
)
def test_what_is_not_as_expected_fails(canonical: str, expect: str, path: str, found: Any, run: Run) -> None:
    (result,) = run(one(canonical, expect))
    assert [(item.line, item.path, item.found) for item in result.mismatches] == [(5, path, found)]


def test_a_record_is_read_from_a_file_beside_the_test(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config" / "tests" / "c.json").write_text('{"legacyResourceId": "1", "points": 12.50}', "utf-8")
    text = "connection: shopify\ncases:\n  - {name: x, given: {file: c.json}, expect: {attributes: {POINTS: 12.5}}}\n"
    assert run(text)[0].passed
    with pytest.raises(ConfigError, match=r"a\.yaml:3 cases\.0\.given\.file: the file 'd\.json' can't be read"):
        run(text.replace("c.json", "d.json"))


def test_a_problem_is_expected_by_name_or_with_its_reason(run: Run) -> None:
    given = "given: {legacyResourceId: '1', points: many}"
    text = "connection: shopify\ncases:\n  - {name: x, %s, expect: {problems: %s}}\n"
    assert run(text % (given, "[POINTS]"))[0].passed
    assert run(text % (given, "[{field: POINTS, reason: unfit_value}]"))[0].passed
    (wrong,) = run(text % (given, "[{field: POINTS, reason: other}]"))[0].mismatches
    assert (wrong.expected, wrong.found) == ("other", "unfit_value")


def test_an_order_is_told_with_its_buyer(run: Run) -> None:
    text = """connection: shopify
stream: orders
cases:
  - name: a buyer
    given:
      legacyResourceId: "8001"
      email: ana@example.com
      createdAt: "2026-10-01T10:15:00Z"
      updatedAt: "2026-10-01T11:00:00Z"
      displayFinancialStatus: PAID
      totalPriceSet: {shopMoney: {amount: "12.50", currencyCode: EUR}}
      billingAddress: {firstName: Ana}
      lineItems: {nodes: [{title: Espresso, quantity: 2, discountedUnitPriceSet: {shopMoney: {amount: "6.25"}}}]}
    expect:
      attributes: {EMAIL: ana@example.com, FIRSTNAME: Ana}
      canonical: {gross: 12.5, status: paid, lines: [{quantity: 2}], billing: {first_name: Ana}}
"""
    (result,) = run(text)
    assert result.mismatches == ()
    (wrong,) = run(text.replace("{quantity: 2}]", "{quantity: 3}]"))[0].mismatches
    assert (wrong.path, wrong.expected, wrong.found) == ("canonical.lines.0.quantity", 3, 2)


def test_connections_that_are_left_out_are_left_alone(run: Run) -> None:
    text = one("{first_name: Ana}", "{attributes: {FIRSTNAME: Ana}}")
    assert run(text, environ={"TAJO_CONNECTIONS": "other"}) == []
    assert run(text, connection="other") == []
    assert len(run(text, connection="shopify")) == 1
    assert run(text, stream="orders") == []


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("cases: [", "a.yaml:", "isn't YAML"),
        ("", "a.yaml:1 connection", "'connection' is missing"),
        ("connection: shpify\ncases: []", "a.yaml:1 connection", "did you mean 'shopify'"),
        ("connection: shopify\nstream: custmers\ncases: []", "a.yaml:2 stream", "did you mean 'customers'"),
        ("connection: shopify\ncase: []", "a.yaml:2 case", "did you mean 'cases'"),
        (one("{fist_name: Ana}", "{cleared: []}"), "a.yaml:4 cases.0.canonical.fist_name", "did you mean 'first_name'"),
        (one("{total_orders: many}", "{cleared: []}"), "a.yaml:4 cases.0.canonical", "total_orders"),
        (one("{}", "{canonical: {fist_name: x}}"), "a.yaml:5 cases.0.expect.canonical.fist_name", "'first_name'"),
        (one("{}", "{consent: {mail: granted}}"), "a.yaml:5 cases.0.expect.consent.mail", "did you mean 'email'"),
        (one("{}", "{consent: {email: yes}}"), "a.yaml:5 cases.0.expect.consent.email", "granted, denied, unknown"),
        (one("{}", "{consent: {email: {stat: granted}}}"), "a.yaml:5 cases.0.expect.consent.email.stat", "'state'"),
        (one("{}", "{}"), "a.yaml:5 cases.0.expect", "expects nothing"),
        (one("{}\n    given: {}", "{cleared: []}"), "a.yaml:3 cases.0", "needs one of 'given'"),
        (one("{}\n    canonical: {}", "{cleared: []}"), "a.yaml:5 cases.0.canonical", "stands twice"),
    ],
)
def test_a_wrong_file_is_told_with_place_and_nearest_name(text: str, where: str, words: str, run: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        run(text)
    assert caught.value.exit_code == 3
    assert any(f"config/tests/{where}" in note.where and words in note.message for note in caught.value.details), (
        caught.value.details
    )


def test_streams_that_tests_speak_of_are_known_without_reading_the_cases(run: Run, tmp_path: Path) -> None:
    run(one("{}", "{cleared: []}"))
    (tmp_path / "config" / "tests" / "b.yml").write_text("connection: other\nstream: orders\ncases: 5\n", "utf-8")
    settings = load_settings(tmp_path, {}, require_secrets=False)
    assert streams_with_tests(settings) == {("shopify", "customers"), ("other", "orders")}
    (tmp_path / "config" / "tests" / "c.yaml").write_text("cases: [", "utf-8")
    assert streams_with_tests(settings) > {("other", "customers"), ("other", "orders")}
