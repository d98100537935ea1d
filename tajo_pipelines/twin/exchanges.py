"""The bodies of the last calls, for whoever looks at the twin's page."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

_CREDENTIALS = ("/admin/oauth/",)
"""Below these paths credentials are exchanged; their bodies aren't kept."""


@dataclass(slots=True)
class Exchange:
    """What a call sent and got, each up to a limit.

    Attributes:
        request: Start of the request's body.
        answer: Start of the answer's body.
        request_bytes: Size of the whole request's body.
        answer_bytes: Size of the whole answer's body.
        answer_type: Media type of the answer.
        rate: The answer's headers on rate limits.
        withheld: Whether the bodies hold credentials and aren't kept.
    """

    request: bytes = b""
    answer: bytes = b""
    request_bytes: int = 0
    answer_bytes: int = 0
    answer_type: str = ""
    rate: tuple[tuple[str, str], ...] = ()
    withheld: bool = False


class Exchanges:
    """Bodies by number of the call, the newest ones alone.

    Attributes:
        keep: Of how many calls.
        most: Most bytes of one body.
    """

    def __init__(self, keep: int = 500, most: int = 16_384) -> None:
        """See the class."""
        self.keep = keep
        self.most = most
        self._kept: OrderedDict[int, Exchange] = OrderedDict()

    def begin(self, number: int, path: str, body: bytes) -> Exchange:
        """Keep the request of a call, and forget the oldest ones."""
        withheld = path.startswith(_CREDENTIALS)
        exchange = Exchange(b"" if withheld else body[: self.most], request_bytes=len(body), withheld=withheld)
        self._kept[number] = exchange
        while len(self._kept) > self.keep:
            self._kept.popitem(last=False)
        return exchange

    def head(self, exchange: Exchange, headers: list[tuple[bytes, bytes]]) -> None:
        """Note what the answer's headers say."""
        named = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
        exchange.answer_type = dict(named).get("content-type", "")
        exchange.rate = tuple((name, value) for name, value in named if "ratelimit" in name)

    def part(self, exchange: Exchange, body: bytes) -> None:
        """Add a part of the answer's body."""
        exchange.answer_bytes += len(body)
        room = self.most - len(exchange.answer)
        if room > 0 and not exchange.withheld:
            exchange.answer += body[:room]

    def of(self, number: int) -> Exchange | None:
        """The bodies of a call, or None where they are forgotten."""
        return self._kept.get(number)
