from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tajo_pipelines.model.consent import Channel, Signal, State
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.errors import ContractError
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.record import Record
from tajo_pipelines.sync.parquet import decode_raw, encode_raw, read_batch, schema_of, write_batch

READ = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def written(file: Path, raw: dict[str, Any], form: Customer | None) -> tuple[Record, dict[str, Any]]:
    """A record that was written and read again, and its columns."""
    write_batch(str(file), Customer, [Record("customers", "7", None, READ, raw)], [form])
    [again] = read_batch(str(file), "customers")
    [columns] = pq.read_table(file).to_pylist()
    return again, columns


def test_ids_are_text_money_is_decimal_times_are_utc_and_nested_parts_are_json() -> None:
    schema = schema_of(Order)
    assert schema.field("key").type == schema.field("id").type == pa.string()
    assert schema.field("gross").type == pa.decimal128(38, 9)
    assert schema.field("created_at").type == pa.timestamp("us", tz="UTC")
    assert schema.field("lines").type == pa.string()
    assert schema.field("raw").type == pa.string()
    assert schema_of(Customer).field("tags").type == pa.list_(pa.string())


def test_the_raw_object_comes_back_exactly(tmp_path: Path) -> None:
    raw = {
        "amount": Decimal("1.10"),
        "tiny": Decimal("1E-400"),
        "large": 2**70,
        "names": ["Zoë", "さくら", "🚚", "\u0000", ""],
        "nothing": None,
        "nested": {"a": [{"b": Decimal("0.1")}]},
    }
    again, _ = written(tmp_path / "x.parquet", raw, Customer(id="7"))
    assert again == Record("customers", "7", None, READ, raw)
    assert str(again.raw["amount"]) == "1.10"


def test_canonical_columns_stand_beside_it(tmp_path: Path) -> None:
    signal = Signal(channel=Channel.EMAIL, state=State.GRANTED)
    form = Customer(id="7", first_name="Zoë", total_spent=Decimal("12.5"), tags=("a", "b"), consent=(signal,))
    _, columns = written(tmp_path / "x.parquet", {}, form)
    assert columns["first_name"] == "Zoë"
    assert columns["total_spent"] == Decimal("12.5")
    assert columns["tags"] == ["a", "b"]
    assert json.loads(columns["consent"])[0]["state"] == "granted"


def test_a_record_without_canonical_form_keeps_its_raw_object(tmp_path: Path) -> None:
    again, columns = written(tmp_path / "x.parquet", {"odd": True}, None)
    assert again.raw == {"odd": True}
    assert columns["id"] is None


@pytest.mark.parametrize(
    "form",
    [
        Customer(id="7", total_spent=Decimal("1.12345678912")),
        Customer(id="7", total_spent=Decimal("1E+30")),
        Customer(id="7", total_orders=2**63),
        Customer(id="7", note="\ud83d"),
    ],
)
def test_one_odd_value_does_not_stop_a_stream(tmp_path: Path, form: Customer) -> None:
    records = [Record("customers", key, None, READ, {"key": key}) for key in ("6", "7", "8")]
    file = tmp_path / "x.parquet"
    write_batch(str(file), Customer, records, [Customer(id="6"), form, Customer(id="8")])
    assert list(read_batch(str(file), "customers")) == records
    assert [row["id"] for row in pq.read_table(file).to_pylist()] == ["6", None, "8"]


def test_half_an_emoji_is_replaced_and_stops_nothing(tmp_path: Path) -> None:
    raw = json.loads('{"note": "ab \\ud83d cd", "\\ude9a": ["\\ud83d\\ude9a"]}')
    again, _ = written(tmp_path / "x.parquet", raw, Customer(id="7", note="x"))
    assert again.raw == {"note": "ab \ufffd cd", "\ufffd": ["🚚"]}
    signal = Signal(channel=Channel.EMAIL, state=State.GRANTED, evidence="\ud83d")
    _, columns = written(tmp_path / "y.parquet", {}, Customer(id="7", consent=(signal,)))
    assert json.loads(columns["consent"])[0]["evidence"] == "\ufffd"


def test_numbers_survive_json_as_they_were_written() -> None:
    assert encode_raw({"a": Decimal("10.00"), "b": 3}) == '{"a":10.00,"b":3}'
    assert decode_raw('{"a":10.00,"b":3}') == {"a": Decimal("10.00"), "b": 3}


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "deep" / "x.parquet"

    def broken(writer: pq.ParquetWriter, table: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", broken)
    with pytest.raises(OSError, match="No space"):
        write_batch(str(file), Customer, [Record("customers", "7", None, READ, {})], [None])
    assert not file.exists()


def test_a_lost_file_is_one_sentence_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="gone from storage") as error:
        list(read_batch(str(tmp_path / "none.parquet"), "customers"))
    assert error.value.code == "landing_lost"
    assert "--full" in error.value.hint


def test_a_landing_elsewhere_is_written_by_its_url() -> None:
    url = "memory://landing/shop/customers/date=2026-11-24/run-0.parquet"
    records = [Record("customers", "7", READ, READ, {"a": 1})]
    write_batch(url, Customer, records, [None])
    assert list(read_batch(url, "customers")) == records
