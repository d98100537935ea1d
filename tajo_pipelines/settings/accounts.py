"""Reads ``brevo`` and ``accounts``: the Brevo accounts that connections feed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic import SecretStr

from tajo_pipelines.brevo.places import DEFAULT_BASE_URL, is_loopback
from tajo_pipelines.settings.connections import Surroundings, read_secret
from tajo_pipelines.settings.environment import Variables, check_url
from tajo_pipelines.settings.findings import Findings, KeyPath, nearest, suggestion
from tajo_pipelines.settings.objects import (
    DEFAULT_ACCOUNT,
    Account,
    DoubleOptIn,
    Events,
    Keep,
    Lists,
    account_key_variable,
)
from tajo_pipelines.settings.schema import AccountSection
from tajo_pipelines.settings.validation import require_mapping, validate
from tajo_pipelines.settings.variables import Filled, fill
from tajo_pipelines.settings.yaml_source import Tree


def find_accounts(tree: dict[str, Tree], findings: Findings) -> dict[str, tuple[KeyPath, Tree]]:
    """Where each account stands.

    ``brevo:`` with the account's own keys is the account ``default``; several stand under ``accounts:``, at the top or
    inside of ``brevo:``. Nothing at all is an account that lives from the environment.
    """
    brevo = require_mapping(tree.get("brevo"), ("brevo",), findings) or {}
    forms: list[KeyPath] = []
    if "accounts" in tree:
        forms.append(("accounts",))
    if "accounts" in brevo:
        forms.append(("brevo", "accounts"))
    if not forms or set(brevo) - {"accounts"}:
        forms.append(("brevo",))
    if len(forms) > 1:
        other = ".".join(str(part) for part in forms[0])
        findings.error("invalid_value", forms[-1], f"accounts stand under {other!r} too; keep one of the two forms")
    if forms[0] == ("brevo",):
        return {DEFAULT_ACCOUNT: (("brevo",), brevo)}
    several = tree["accounts"] if forms[0] == ("accounts",) else brevo["accounts"]
    named = require_mapping(several, forms[0], findings)
    if named == {}:
        findings.error("invalid_value", forms[0], "has no account under it; is the indentation lost?")
    return {name: ((*forms[0], name), account) for name, account in (named or {}).items()}


def read_account(
    name: str,
    path: KeyPath,
    tree: Tree,
    around: Surroundings,
    feeds: Mapping[str, str],
    needed_by: KeyPath | None,
) -> Account:
    """Reads one account.

    Args:
        name: Its name.
        path: Where it stands.
        tree: What stands there.
        around: What it is read against; its findings take what is wrong.
        feeds: The account of each connection in the file.
        needed_by: The first connection that can't run without this account, or None.
    """
    findings = around.findings
    content = require_mapping(tree, path, findings) or {}
    filled = fill(content, path, around.variables, findings)
    key_tree = filled.tree.get("api_key")
    rest = {key: value for key, value in filled.tree.items() if key != "api_key"}
    section = validate(AccountSection, rest, path, findings) or AccountSection()
    api_key = _api_key(name, path, key_tree, section, filled, around, needed_by)
    for missing in filled.missing if needed_by else ():
        if missing.path != (*path, "api_key"):
            around.report_missing(missing)
    mine = [connection for connection, account in feeds.items() if account == name]
    precedence = {}
    for attribute, names in section.precedence.items():
        for index, connection in enumerate(names):
            _check_precedence(connection, (*path, "precedence", attribute, index), mine, feeds, findings)
        precedence[attribute if attribute == "default" else attribute.upper()] = tuple(names)
    if section.ext_id_from is not None and section.ext_id_from not in mine:
        message = _not_feeding(section.ext_id_from, mine, feeds)
        findings.error("unknown_connection", (*path, "ext_id_from"), message)
    return _build(name, section, api_key, _base_url(section, around.variables, findings), precedence)


def _build(
    name: str,
    section: AccountSection,
    api_key: SecretStr | None,
    base_url: str,
    precedence: dict[str, tuple[str, ...]],
) -> Account:
    double = section.double_opt_in
    return Account(
        name=name,
        api_key=api_key,
        base_url=base_url,
        currency=section.currency,
        tier=section.tier,
        lists=Lists(section.lists.all_contacts, section.lists.subscribers),
        create_attributes=section.create_attributes,
        unknown_on_create=section.unknown_on_create,
        ext_id_from=section.ext_id_from,
        precedence=MappingProxyType(precedence),
        rates=MappingProxyType(dict(section.rates)),
        letters_threshold=section.letters.threshold,
        keep=Keep(section.keep.landing, section.keep.inbox, section.keep.calls),
        events=Events(section.events.live_window, section.events.in_doubt),
        double_opt_in=DoubleOptIn(double.template_id, double.redirect_url) if double else None,
    )


def _api_key(
    name: str,
    path: KeyPath,
    tree: Tree,
    section: AccountSection,
    filled: Filled,
    around: Surroundings,
    needed_by: KeyPath | None,
) -> SecretStr | None:
    variable = account_key_variable(name)
    local = section.base_url is not None and is_loopback(urlsplit(section.base_url).hostname or "")
    key_path = (*path, "api_key")
    value = read_secret(tree, key_path, around.findings, warn=not local, variable=variable)
    if value is not None:
        return value
    from_environment = around.variables.get(variable)
    if from_environment is not None:
        return SecretStr(from_environment)
    if needed_by is None or tree is not None:
        return None
    missing = next((entry for entry in filled.missing if entry.path == key_path), None)
    if missing is not None:
        around.report_missing(missing, also=variable)
        return None
    message = f"needs the Brevo account {name!r}, which has no API key; set {variable} in the environment or in .env"
    report = around.findings.error if around.require_secrets else around.findings.warn
    report("missing_variable", needed_by, message)
    return None


def _base_url(section: AccountSection, variables: Variables, findings: Findings) -> str:
    value = variables.get("BREVO_BASE_URL")
    if value is None:
        return section.base_url or DEFAULT_BASE_URL
    url, problem = check_url(value, path_allowed=True)
    where = variables.where("BREVO_BASE_URL")
    if problem:
        findings.error_at("invalid_value", where, problem)
    return url


def _check_precedence(
    name: str, path: KeyPath, mine: Collection[str], feeds: Mapping[str, str], findings: Findings
) -> None:
    """A near miss, or another account's connection, is an error; a list may name one that is still to come."""
    if name in mine:
        return
    message = _not_feeding(name, mine, feeds)
    report = findings.error if name in feeds or nearest(name, mine) else findings.warn
    report("unknown_connection", path, message)


def _not_feeding(name: str, mine: Collection[str], feeds: Mapping[str, str]) -> str:
    if name in feeds:
        return f"the connection {name!r} feeds the account {feeds[name]!r}, not this one"
    return f"there is no connection {name!r}{suggestion(name, mine)}"
