"""Reads ``field_mapping``: which attribute at Brevo is made of what.

Short form, ``source: TARGET``; long form, ``TARGET: {from, transform, type, default}``. What stands behind the colon
tells them apart: text or a mapping. A connection's own rules replace the default ones target by target.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tajo_pipelines.mapping.engine import compile_mapping
from tajo_pipelines.mapping.spec import IDENTITY_TARGETS, resolve_source
from tajo_pipelines.model.errors import ConfigError
from tajo_pipelines.settings.findings import Findings, KeyPath, shown
from tajo_pipelines.settings.objects import FieldRule
from tajo_pipelines.settings.schema import FieldRuleSection
from tajo_pipelines.settings.validation import require_mapping, validate
from tajo_pipelines.settings.yaml_source import Scalar, Tree


def read_field_mapping(tree: Tree, path: KeyPath, findings: Findings) -> tuple[FieldRule, ...]:
    """Reads one ``field_mapping``, and compiles it once to see that it can be.

    Args:
        tree: Its content, variables put in.
        path: Where it stands.
        findings: Takes what is wrong.
    """
    rules: list[FieldRule] = []
    for key, value in (require_mapping(tree, path, findings) or {}).items():
        at = (*path, key)
        if isinstance(value, Scalar):
            rules.append(FieldRule(key, str(value), line=findings.line(at), where=findings.where(at)))
        elif isinstance(value, dict):
            rule = _long(key, value, at, findings)
            rules += [rule] if rule else []
        else:
            message = "must be an attribute's name, or a mapping of from, transform, type, default"
            findings.error("invalid_value", at, f"{message}; found {shown(value)}")
    _check(rules, findings)
    return tuple(rules)


def merge(default: Iterable[FieldRule], own: Iterable[FieldRule]) -> tuple[FieldRule, ...]:
    """The default rules, those replaced whose target has a rule of its own, then the other own ones."""
    rules = {_claim(rule): rule for rule in default}
    rules.update((_claim(rule), rule) for rule in own)
    return tuple(rules.values())


def _claim(rule: FieldRule) -> str:
    """What a rule fills; the identity goes by several names."""
    return IDENTITY_TARGETS.get(rule.target, rule.target)


def _long(target: str, tree: Tree, path: KeyPath, findings: Findings) -> FieldRule | None:
    section = validate(FieldRuleSection, tree, path, findings)
    if section is None:
        return None
    default = section.default.plain if isinstance(section.default, Scalar) else section.default
    return FieldRule(
        section.from_,
        target,
        transforms=tuple(section.transform),
        type=section.type,
        default=[item.plain if isinstance(item, Scalar) else item for item in default]
        if isinstance(default, list)
        else default,
        line=findings.line(path),
        where=findings.where(path),
    )


def _check(rules: Sequence[FieldRule], findings: Findings) -> None:
    try:
        compile_mapping(rules)
    except ConfigError as error:
        by_place = {rule.where: rule for rule in rules}
        for notice in error.details:
            rule = by_place[notice.where]
            turned = _is_source(rule.target) and not _is_source(rule.source)
            hint = "; the source stands left of the colon, the attribute right" if turned else ""
            findings.error_in(rule.line, notice.code, rule.where, f"{notice.message}{hint}")


def _is_source(text: str) -> bool:
    try:
        resolve_source(text)
    except ConfigError:
        return False
    return True
