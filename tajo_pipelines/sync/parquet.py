"""Batches of records as Parquet: the schema follows from the canonical model, the raw object lies beside it."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import fsspec
import msgspec

from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.record import Canonical, Record

if TYPE_CHECKING:
    import pyarrow as pa

_RAW = msgspec.json.Encoder(decimal_format="number")
_CANONICAL = msgspec.json.Encoder()
_RAW_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
GROUP_ROWS = 500
"""Rows that are held as Arrow's columns at once; there are dozens of columns, each with buffers of its own."""

_SYSTEM = ("key", "updated_at", "read_at", "raw")


def encode_raw(raw: object) -> str:
    """A raw object as JSON text, decimals exact; halves of surrogate pairs, which no file can hold, become U+FFFD."""
    return _encoded(raw, _RAW)


def encode_canonical(form: object) -> str:
    """A canonical object, or a value of one, as JSON text: decimals as texts, times RFC 3339, surrogates as above."""
    return _encoded(form, _CANONICAL)


def _encoded(value: object, encoder: msgspec.json.Encoder) -> str:
    try:
        return encoder.encode(value).decode()
    except UnicodeEncodeError:
        # JSON may spell half of a pair by its escape: a text that was cut in the middle of an emoji.
        return encoder.encode(_whole_letters(msgspec.to_builtins(value, builtin_types=(Decimal,)))).decode()


def _whole_letters(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_whole_letters(name): _whole_letters(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_whole_letters(part) for part in value]
    return value


def decode_raw(text: str) -> dict[str, Any]:
    """The raw object again; numbers with a point become Decimal."""
    return _RAW_DECODER.decode(text)


@cache
def schema_of(canonical: type[Canonical]) -> pa.Schema:
    """The Parquet schema of a stream: ids as text, money as decimal, times in UTC, raw JSON as text.

    Nested parts (lines, addresses, consent) are JSON text.
    """
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    fields = [
        pa.field("key", pa.string(), nullable=False),
        pa.field("updated_at", moment),
        pa.field("read_at", moment, nullable=False),
        pa.field("raw", pa.string(), nullable=False),
    ]
    plain = {
        str: pa.string(),
        bool: pa.bool_(),
        int: pa.int64(),
        Decimal: pa.decimal128(38, 9),
        datetime: moment,
        date: pa.date32(),
    }
    for name, hint in get_type_hints(canonical).items():
        kind = _plain_type(hint)
        if name in _SYSTEM:
            continue
        if kind in plain:
            fields.append(pa.field(name, plain[kind]))
        elif get_origin(kind) is tuple and get_args(kind)[0] is str:
            fields.append(pa.field(name, pa.list_(pa.string())))
        else:
            fields.append(pa.field(name, pa.string(), metadata={"form": "json"}))
    return pa.schema(fields)


def _plain_type(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint


def write_batch(
    url: str, canonical: type[Canonical], records: Sequence[Record], parsed: Sequence[Canonical | None]
) -> None:
    """Write records as one Parquet file: completely, or not at all.

    Args:
        url: Path or fsspec URL.
        canonical: Type of the stream's records.
        records: As read.
        parsed: Their canonical forms; None where a record has none, its columns stay empty.
    """
    import pyarrow.parquet as pq

    schema = schema_of(canonical)
    filesystem, path = fsspec.core.url_to_fs(url)
    filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
    partial = f"{path}.partial"
    with filesystem.open(partial, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for at in range(0, len(records), GROUP_ROWS):
            part = zip(records[at : at + GROUP_ROWS], parsed[at : at + GROUP_ROWS], strict=True)
            writer.write_table(_table([_row(record, form, schema) for record, form in part], schema))
    _give_back()
    filesystem.mv(partial, path)


def _give_back() -> None:
    """Hand the memory that Arrow keeps in reserve back: files come every few seconds, and Python needs it meanwhile."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """The rows; one whose canonical values don't fit their columns keeps its raw object alone."""
    import pyarrow as pa

    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        if len(rows) > 1:
            return pa.concat_tables(_table([row], schema) for row in rows)
        return pa.Table.from_pylist([{name: row[name] for name in _SYSTEM} for row in rows], schema=schema)


def _row(record: Record, form: Canonical | None, schema: pa.Schema) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if form is not None:
        for field in schema:
            if field.name in _SYSTEM:
                continue
            value = getattr(form, field.name)
            is_json = field.metadata is not None and value is not None
            row[field.name] = _encoded(value, _CANONICAL) if is_json else value
    return row | {
        "key": record.key,
        "updated_at": record.updated_at,
        "read_at": record.read_at,
        "raw": encode_raw(record.raw),
    }


def read_batch(url: str, stream: str, *, key: str | None = None) -> Iterator[Record]:
    """The records of a file, in the order in which they were read.

    Args:
        url: The file.
        stream: Name of the stream.
        key: The one record that is wanted; left out, all of them.

    Raises:
        ContractError: ``landing_lost`` when the file isn't there: read the stream again.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    filesystem, path = fsspec.core.url_to_fs(url)
    if not filesystem.exists(path):
        message = "a landed batch is gone from storage"
        raise ContractError(message, code="landing_lost", where=url, hint="sync with --full reads the stream again")
    with filesystem.open(path, "rb") as file:
        parquet = pq.ParquetFile(file)
        for part in parquet.iter_batches(batch_size=GROUP_ROWS, columns=list(_SYSTEM), use_threads=False):
            found = part if key is None else part.filter(pc.equal(part.column("key"), key))
            rows = found.to_pylist()
            del part, found
            # While a file's records pile up as objects, what Arrow reserved to decode them would lie idle beside them.
            _give_back()
            yield from _records(rows, stream)
    _give_back()


def count_rows(url: str) -> int | None:
    """How many rows of a file can be read, every column decoded; None where there is no whole Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    filesystem, path = fsspec.core.url_to_fs(url)
    try:
        with filesystem.open(path, "rb") as file:
            parts = pq.ParquetFile(file).iter_batches(batch_size=GROUP_ROWS, use_threads=False)
            return sum(int(part.num_rows) for part in parts)
    except (FileNotFoundError, pa.ArrowInvalid, pa.ArrowIOError):
        return None
    finally:
        _give_back()


def _records(rows: Iterable[dict[str, Any]], stream: str) -> Iterator[Record]:
    for row in rows:
        yield Record(
            stream=stream,
            key=row["key"],
            updated_at=row["updated_at"],
            read_at=row["read_at"],
            raw=decode_raw(row["raw"]),
        )
