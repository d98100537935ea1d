"""The shape of each section of the file, as pydantic models; unknown keys are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from tajo_pipelines.settings.cron import cron_of
from tajo_pipelines.settings.environment import check_url
from tajo_pipelines.settings.findings import did_you_mean
from tajo_pipelines.settings.objects import InDoubt, Mode, OnDelete, OptIn, Tier, UnknownOnCreate

_DURATION = re.compile(r"(?P<count>[0-9]{1,5})(?P<unit>[dhms])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _refuse(message: str) -> PydanticCustomError:
    return PydanticCustomError("tajo", "{message}", {"message": message})


def _choice(*valid: str) -> BeforeValidator:
    def check(value: object) -> object:
        if str(value) not in valid:
            raise _refuse("isn't one of " + ", ".join(valid) + did_you_mean(str(value), valid))
        return str(value)

    return BeforeValidator(check)


def _duration(value: object) -> timedelta:
    match = _DURATION.fullmatch(str(value))
    if not match or not int(match["count"]):
        raise _refuse("isn't a duration like 30d, 24h, 10m or 45s")
    return timedelta(**{_UNITS[match["unit"]]: int(match["count"])})


def _date(value: object) -> date:
    try:
        if _DATE.fullmatch(str(value)):
            return date.fromisoformat(str(value))
    except ValueError as error:
        raise _refuse(f"isn't a date: {error}") from error
    raise _refuse("isn't a date like 2024-01-31")


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", value):
        raise _refuse("isn't a currency: three letters like EUR")
    return value.upper()


def _region(value: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # needed by few configurations

    region = value.upper()
    if region not in SUPPORTED_REGIONS:
        near = "; did you mean 'GB'?" if region == "UK" else ""
        raise _refuse(f"isn't a country's two letters like DE{near}")
    return region


def _url(*, path_allowed: bool) -> Callable[[str], str]:
    def check(value: str) -> str:
        url, problem = check_url(value, path_allowed=path_allowed)
        if problem:
            raise _refuse(problem)
        return url

    return check


def _schedule(value: str) -> str:
    try:
        cron_of(value, "")
    except ValueError as error:
        raise _refuse(f"{error}{did_you_mean(value, ('hourly', 'daily'))}") from error
    return value


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Day = Annotated[date, BeforeValidator(_date)]
Currency = Annotated[str, AfterValidator(_currency)]
Region = Annotated[str, AfterValidator(_region)]
Schedule = Annotated[str, AfterValidator(_schedule)]
ListId = Annotated[int, Field(gt=0)]
Rate = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(ge=0, le=1, allow_inf_nan=False)]
Host = Annotated[str, AfterValidator(_url(path_allowed=False))]
Endpoint = Annotated[str, AfterValidator(_url(path_allowed=True))]
Names = Annotated[list[str], BeforeValidator(_names)]
ModeWord = Annotated[Mode, _choice("realtime", "batch", "hybrid")]
OnDeleteWord = Annotated[OnDelete, _choice("keep", "unlist", "block", "erase")]
OptInWord = Annotated[OptIn, _choice("single", "confirmed")]
TierWord = Annotated[Tier, _choice("general", "advanced", "extended")]
UnknownWord = Annotated[UnknownOnCreate, _choice("block", "unlisted", "skip")]
InDoubtWord = Annotated[InDoubt, _choice("letter", "resend")]


def key_names(model: type[BaseModel]) -> list[str]:
    """The keys of a section as they stand in a file."""
    return [info.alias or name for name, info in model.model_fields.items()]


class Section(BaseModel):
    """A mapping in the file whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_left_out(cls, data: object) -> object:
        """A known key with nothing behind it counts as left out."""
        if not isinstance(data, dict):
            return data
        known = key_names(cls)
        return {key: value for key, value in data.items() if value is not None or key not in known}


class ListsSection(Section):
    """``lists``."""

    all_contacts: ListId | None = None
    subscribers: ListId | None = None


class LettersSection(Section):
    """``letters``."""

    threshold: Share = Decimal("0.05")


class KeepSection(Section):
    """``keep``."""

    landing: Duration = timedelta(days=30)
    inbox: Duration = timedelta(days=30)
    calls: Duration = timedelta(days=30)


class EventsSection(Section):
    """``events``."""

    live_window: Duration = timedelta(hours=24)
    in_doubt: InDoubtWord = "letter"


class DoubleOptInSection(Section):
    """``double_opt_in``."""

    template_id: ListId
    redirect_url: Endpoint


class AccountSection(Section):
    """``brevo``, or one of ``accounts``."""

    api_key: SecretStr | None = None
    base_url: Endpoint | None = None
    currency: Currency | None = None
    tier: TierWord = "general"
    lists: ListsSection = ListsSection()
    create_attributes: bool = True
    unknown_on_create: UnknownWord = "block"
    ext_id_from: str | None = None
    precedence: dict[str, Names] = Field(default_factory=dict)
    rates: dict[Currency, Rate] = Field(default_factory=dict)
    letters: LettersSection = LettersSection()
    keep: KeepSection = KeepSection()
    events: EventsSection = EventsSection()
    double_opt_in: DoubleOptInSection | None = None


class StreamSection(Section):
    """The long form of one stream under ``sync``."""

    enabled: bool = True
    mode: ModeWord | None = None
    schedule: Schedule | None = None
    on_delete: OnDeleteWord | None = None


class ConnectionSection(Section):
    """One of ``connectors``: the keys that every connector has.

    ``sync`` and ``field_mapping`` are read on their own.
    """

    connector: str | None = None
    account: str = "default"
    enabled: bool = True
    mode: ModeWord = "hybrid"
    schedule: Schedule = "hourly"
    start_date: Day | None = None
    region: Region | None = None
    on_delete: OnDeleteWord = "unlist"
    opt_in: OptInWord = "single"
    lists: ListsSection = ListsSection()
    base_url: Host | None = None


class FieldRuleSection(Section):
    """The long form of one rule under ``field_mapping``."""

    from_: str = Field(alias="from")
    transform: Names = Field(default_factory=list)
    type: str | None = None
    default: Any = None


def section_at(model: type[Section], loc: tuple[int | str, ...]) -> type[Section] | None:
    """The model of a section inside of another, found by its keys; None where there is none."""
    found: type[Section] | None = model
    for part in loc:
        info = found.model_fields.get(str(part)) if found else None
        found = next((kind for kind in _kinds(info.annotation) if issubclass(kind, Section)), None) if info else None
    return found


def _kinds(annotation: object) -> list[type]:
    arguments: Mapping[str, object] | tuple[object, ...] = getattr(annotation, "__args__", ())
    return [kind for kind in (annotation, *arguments) if isinstance(kind, type)]
