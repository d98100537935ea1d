"""Large files of lines, streamed from an address that a platform gave.

The address carries its own permission: no credentials of the platform's API go there. TLS is verified, plain http is
refused but on loopback, redirects aren't followed, and one line has a bound, so that memory has one too.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from tajo_pipelines import __version__
from tajo_pipelines.model.errors import ContractError, RetryableError
from tajo_pipelines.sdk.http import CONNECT_TIMEOUT, READ_TIMEOUT, is_loopback

LARGEST_LINE = 32 * 1024 * 1024
"""Bytes of one line after decompression."""

_CHUNK = 256 * 1024
_PASSING = frozenset({408, 425, 429})


class DownloadRefusedError(ContractError):
    """The address is no longer, or never was, good: another one must be asked for."""

    code = "download_refused"


def lines(url: str, *, largest: int = LARGEST_LINE) -> Iterator[bytes]:
    r"""The lines of a file, without their ``\n``; empty ones are left out.

    Args:
        url: https, or plain http on loopback. Never shown: its query is a permission.
        largest: Bytes of one line.

    Raises:
        DownloadRefusedError: The server refuses the address (4xx).
        RetryableError: The server or the way to it failed; the lines until then are a beginning of the file.
        ContractError: No such address, a redirect, or a line too long.
    """
    host = _host(url)
    where = f"GET {host}"
    with requests.Session() as session:
        session.headers.update({"Accept": "*/*", "User-Agent": f"tajo-pipelines/{__version__}"})
        session.auth = _untouched  # keeps requests from adding a password out of ~/.netrc
        session.trust_env = not is_loopback(host)
        try:
            with session.get(
                url, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), allow_redirects=False
            ) as response:
                _accept(response.status_code, where)
                yield from _split(response, largest, where)
        except requests.exceptions.RequestException as error:
            # The library's message holds the address.
            raise RetryableError("the download was cut off", code="torn_answer", where=where) from error


def _split(response: requests.Response, largest: int, where: str) -> Iterator[bytes]:
    rest = bytearray()
    for chunk in response.iter_content(_CHUNK):
        *whole, last = chunk.split(b"\n")
        for line in whole:
            if rest:
                rest += line
                yield bytes(rest)
                rest.clear()
            elif line:
                yield line
        rest += last
        if len(rest) > largest:
            message = f"a line is longer than {largest} bytes"
            raise ContractError(message, code="line_too_long", where=where)
    if rest:
        yield bytes(rest)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise ContractError("the platform gave no address to download from", code="invalid_download") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise ContractError("the download isn't on https", code="invalid_download", where=host)
    return host


def _accept(status: int, where: str) -> None:
    if 200 <= status < 300:
        return
    message = f"the server answered HTTP {status} to a download"
    if status in _PASSING or status >= 500:
        raise RetryableError(message, where=where)
    if 400 <= status < 500:
        raise DownloadRefusedError(message, where=where)
    raise ContractError(message, code="redirected" if 300 <= status < 400 else "contract", where=where)


def _untouched(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
