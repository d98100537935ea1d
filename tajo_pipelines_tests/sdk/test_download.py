from __future__ import annotations

import pytest

from tajo_pipelines.model.errors import ContractError, RetryableError
from tajo_pipelines.sdk.download import DownloadRefusedError, lines
from tajo_pipelines_tests.sdk.support import Reply, in_turn, serving


def test_lines_come_one_by_one_whatever_the_chunks() -> None:
    body = b"\n".join([b"a" * 300_000, b"", "größe\u2028\r".encode(), b"last"])
    with serving(in_turn(Reply(200, body))) as server:
        assert list(lines(f"{server.url}/file")) == [b"a" * 300_000, "größe\u2028\r".encode(), b"last"]


def test_a_trailing_newline_makes_no_empty_line() -> None:
    with serving(in_turn(Reply(200, b"a\nb\n"))) as server:
        assert list(lines(f"{server.url}/file")) == [b"a", b"b"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(403, b""), DownloadRefusedError),
        (Reply(410, b""), DownloadRefusedError),
        (Reply(429, b""), RetryableError),
        (Reply(503, b""), RetryableError),
        (Reply(302, b"", {"Location": "http://elsewhere.example/"}), ContractError),
        (Reply(200, b"a\nb", length=10), RetryableError),
        (Reply(hang_up=True), RetryableError),
    ],
)
def test_what_isn_t_a_whole_file_is_an_error_by_what_helps(reply: Reply, error: type[Exception]) -> None:
    with serving(in_turn(reply)) as server, pytest.raises(error) as caught:
        list(lines(f"{server.url}/file?signature=secret"))
    assert "secret" not in str(caught.value)


def test_memory_has_a_bound_though_a_line_has_no_end() -> None:
    with serving(in_turn(Reply(200, b"x" * 2_000_000))) as server, pytest.raises(ContractError) as caught:
        list(lines(f"{server.url}/file", largest=1_000_000))
    assert caught.value.code == "line_too_long"


@pytest.mark.parametrize("url", ["http://files.example/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "", "https://[x"])
def test_only_https_and_loopback_are_asked(url: str) -> None:
    with pytest.raises(ContractError) as caught:
        list(lines(url))
    assert caught.value.code == "invalid_download"
