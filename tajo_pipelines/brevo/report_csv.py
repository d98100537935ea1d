"""Reports of imports: CSV files behind links that open without a key."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import requests

from tajo_pipelines.brevo.places import is_loopback
from tajo_pipelines.model.errors import ContractError, RetryableError

_WHERE = "report of an import"
_TIMEOUT = (10.0, 60.0)
_TRIES = 4
_PAUSES = (1.0, 3.0, 9.0)
_EMAIL_HEADERS = {"email", "e-mail", "email_id", "email address", "emails"}


class ReportFetcher:
    """Fetches reports, without the API key and without following redirects.

    Args:
        sleep: Waits between tries.
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def addresses(self, link: str) -> list[str]:
        """The addresses that a report lists, in its order, each once.

        Raises:
            RetryableError: When the report can't be fetched.
            ContractError: When the link leads over plain http to another machine.
        """
        return parse_report(self._fetch(link))

    def _fetch(self, link: str) -> str:
        parts = urlsplit(link)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
            message = f"a report's link isn't https ({parts.scheme or 'no scheme'}, {host or 'no host'})"
            raise ContractError(message, where=_WHERE)
        said = ""
        for attempt in range(_TRIES):
            try:
                answer = requests.get(link, timeout=_TIMEOUT, allow_redirects=False)
            except requests.RequestException as error:
                said = type(error).__name__
            else:
                if answer.status_code == 200:
                    return answer.content.decode("utf-8-sig", errors="replace")
                said = str(answer.status_code)
            if attempt < len(_PAUSES):
                self._sleep(_PAUSES[attempt])
        raise RetryableError(f"{host} doesn't give the report ({said})", code="report", where=_WHERE)


def parse_report(text: str) -> list[str]:
    """The addresses in a report's CSV.

    Brevo doesn't document the columns: the delimiter is taken from the first line, the column from a header that says
    e-mail, else from the first row that holds an address, else it is the first.
    """
    lines = text.strip().splitlines()
    if not lines:
        return []
    delimiter = max(";,\t", key=lines[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    rows = [row for row in rows if any(row)]
    header = [cell.strip('"\ufeff').lower() for cell in rows[0]]
    titled = [index for index, cell in enumerate(header) if cell in _EMAIL_HEADERS]
    has_header = bool(titled) or not any("@" in cell for cell in rows[0])
    body = rows[1:] if has_header else rows
    holding = [index for row in body[:1] for index, cell in enumerate(row) if "@" in cell]
    column = (titled or holding or [0])[0]
    found = (row[column] for row in body if len(row) > column and row[column])
    return list(dict.fromkeys(found))
