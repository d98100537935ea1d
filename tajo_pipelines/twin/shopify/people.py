"""Names, addresses, e-mail addresses and phone numbers of people who don't exist.

E-mail addresses lie under example.com, .org and .net (RFC 2606). German phone numbers lie in the mobile
range 0155 500, US ones in 555-01xx, which is kept free for fiction.
"""

from __future__ import annotations

import random
import re
import unicodedata
from typing import Any

Address = dict[str, Any]

DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")

_NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "de": (
        ("Anna", "Jürgen", "Bärbel", "Lena", "Max", "Sören", "Käthe", "Mia", "Paul", "Günther", "Zoë", "Emil"),
        ("Müller", "Weiß", "Groß", "Schäfer", "von der Heide", "Özdemir", "Lüdenscheidt-Öhler", "Koch", "Vogel"),
    ),
    "fr": (
        ("Élodie", "François", "Chloé", "Jean-Luc", "Maëlys", "Noël", "Inès", "Gaël"),
        ("Lefèvre", "D'Amboise", "Garçon", "Béranger", "L'Hôpital", "Martin", "Œuvrard"),
    ),
    "pl": (
        ("Małgorzata", "Łukasz", "Zofia", "Jerzy", "Agnieszka"),
        ("Wójcik", "Kowalczyk", "Dąbrowska", "Żak", "Świątek"),
    ),
    "es": (
        ("Iñaki", "María José", "Begoña", "Jesús", "Ana"),
        ("Muñoz", "García López", "Ibáñez", "Núñez", "Peña"),
    ),
    "sv": (("Åsa", "Björn", "Örjan", "Linnéa"), ("Sjöström", "Åkesson", "Hägglund", "Lindqvist")),
    "el": (("Γιώργος", "Ελένη", "Σοφία"), ("Παπαδόπουλος", "Νικολάου", "Οικονόμου")),
    "ru": (("Анна", "Дмитрий", "Ольга"), ("Соколова", "Кузнецов", "Ёлкина")),
    "ar": (("محمد", "ليلى", "يوسف"), ("الحسن", "خليل", "نصر")),
    "ja": (("さくら", "健太", "美咲"), ("佐藤", "鈴木", "高橋")),
    "vi": (("Nguyễn", "Thị Hương", "Đức"), ("Trần", "Phạm", "Lê")),
    "en": (
        ("Sinéad", "Conor", "Mary-Ann", "Bob", "Siân", "Tom"),
        ("O'Brien", "MacDonald", "Smith", "St. John", "Nowak"),
    ),
}
_LOCALES = (*("de",) * 10, *("fr",) * 3, "pl", "pl", "es", "es", "sv", "el", "ru", "ar", "ja", "vi", *("en",) * 4)

_PLACES: dict[str, tuple[str, str, tuple[tuple[str, str, str | None, str | None], ...]]] = {
    "DE": (
        "Germany",
        "{} Große Bergstraße",
        (
            ("22767", "Hamburg", None, None),
            ("10115", "Berlin", None, None),
            ("80331", "München", None, None),
            ("50667", "Köln", None, None),
        ),
    ),
    "AT": ("Austria", "Mariahilfer Straße {}", (("1060", "Wien", None, None), ("8010", "Graz", None, None))),
    "CH": (
        "Switzerland",
        "Bahnhofstrasse {}",
        (("8001", "Zürich", "Zürich", "ZH"), ("1201", "Genève", "Genève", "GE")),
    ),
    "FR": (
        "France",
        "{} rue de l'Église",
        (("75004", "Paris", None, None), ("69002", "Lyon", None, None), ("13001", "Marseille", None, None)),
    ),
    "PL": ("Poland", "ul. Świętokrzyska {}", (("00-049", "Warszawa", None, None), ("90-001", "Łódź", None, None))),
    "ES": (
        "Spain",
        "Calle del Año {}",
        (("28013", "Madrid", "Madrid", "M"), ("15001", "A Coruña", "A Coruña", "C")),
    ),
    "SE": ("Sweden", "Åsögatan {}", (("116 24", "Stockholm", None, None), ("211 20", "Malmö", None, None))),
    "GR": ("Greece", "Ερμού {}", (("105 63", "Αθήνα", None, None),)),
    "JP": ("Japan", "神宮前{}丁目", (("150-0001", "渋谷区", "Tōkyō", "JP-13"),)),
    "IE": ("Ireland", "{} O'Connell Street", (("D01 F5P2", "Dublin", "Dublin", "D"),)),
    "US": (
        "United States",
        "{} Main St",
        (("90012", "Los Angeles", "California", "CA"), ("11201", "Brooklyn", "New York", "NY")),
    ),
}
_COUNTRIES = {
    "de": ("DE", "DE", "DE", "AT", "CH"),
    "fr": ("FR", "FR", "CH"),
    "pl": ("PL",),
    "es": ("ES",),
    "sv": ("SE",),
    "el": ("GR",),
    "ja": ("JP",),
    "en": ("IE", "US", "US"),
}

INVALID_EMAILS = ("kein-at-zeichen.example.com", "zwei@@example.com", "leer zeichen@example.com", "ohne-domain@")
INVALID_PHONES = ("+4912", "+999123", "bitte mailen", "+49 0")

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+(49155500\d{5}|1202555\d{4}|[1-9]\d{9,13})")


def valid_email(text: str | None) -> bool:
    """Whether the shop's own people would take this text for an e-mail address."""
    return text is not None and _EMAIL.fullmatch(text) is not None


def valid_phone(text: str | None) -> bool:
    """Whether the text is a phone number in E.164."""
    return text is not None and _PHONE.fullmatch(text) is not None


def person(draw: random.Random) -> tuple[str, str, str, str]:
    """A first name, a last name, a locale and a country code."""
    locale = draw.choice(_LOCALES)
    firsts, lasts = _NAMES[locale]
    country = draw.choice(_COUNTRIES.get(locale, ("DE",)))
    return draw.choice(firsts), draw.choice(lasts), locale, country


def email(draw: random.Random, first: str, last: str, number: int) -> str:
    """An address that nobody else has, in the writing its owner happened to use."""
    local = f"{_ascii(first)}.{_ascii(last)}".strip(".") or "kunde"
    domain = draw.choice(DOMAINS)
    style = draw.random()
    if style < 0.08:
        return f"{local.title()}{number}@{domain.capitalize()}"
    if style < 0.12:
        return f"{local}{number}@{domain}".upper()
    if style < 0.15:
        return f"{local}+shop{number}@{domain}"
    return f"{local}{number}@{domain}"


def phone(country: str, number: int) -> str:
    """A phone number in E.164 that nobody else has below 100,000 German and 100 US ones."""
    if country == "US" and number < 100:
        return f"+12025550{100 + number:03d}"
    return f"+49155500{number:05d}"


def address(draw: random.Random, number: int, name: tuple[str, str], country: str, phone: str | None) -> Address:
    """A postal address; its phone is written as people write it, without the country code."""
    title, street, towns = _PLACES[country]
    zip_code, city, province, province_code = draw.choice(towns)
    written = phone
    if phone is not None and phone.startswith("+49155") and draw.random() < 0.5:
        written = f"0{phone[3:7]} {phone[7:]}"
    return {
        "id": 8_800_000_000_000 + number * 11,
        "firstName": name[0],
        "lastName": name[1],
        "company": "Träume & Söhne GmbH" if draw.random() < 0.08 else None,
        "address1": street.format(draw.randint(1, 180)),
        "address2": "3. OG links" if draw.random() < 0.15 else None,
        "zip": zip_code,
        "city": city,
        "province": province,
        "provinceCode": province_code,
        "country": title,
        "countryCodeV2": country,
        "phone": written,
    }


def _ascii(text: str) -> str:
    plain = text.lower().replace("ß", "ss").replace("ł", "l").replace("ø", "o").replace("œ", "oe").replace("đ", "d")
    folded = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]+", "-", folded).strip("-")
