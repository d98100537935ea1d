from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from tajo_pipelines.mapping.spec import CANONICAL_SOURCES
from tajo_pipelines.mapping.transforms import TRANSFORMS
from tajo_pipelines.model.cart import Cart
from tajo_pipelines.model.customer import Customer
from tajo_pipelines.model.order import Order
from tajo_pipelines.model.product import Product

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_canonical_model", _ROOT / "tools" / "write_canonical_model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_canonical_model_is_current(tool: ModuleType) -> None:
    page = (_ROOT / "docs" / "canonical-model.md").read_text(encoding="utf-8")
    assert page == tool.render(), "run: python tools/write_canonical_model.py"


def test_the_examples_are_whole_objects_of_the_models() -> None:
    examples = json.loads((_ROOT / "tools" / "canonical_examples.json").read_text("utf-8"))
    kinds = {"customer": Customer, "order": Order, "product": Product, "cart": Cart}
    assert examples.keys() == kinds.keys()
    for name, kind in kinds.items():
        made = msgspec.convert(examples[name], kind)
        assert json.loads(msgspec.json.encode(made)) == examples[name], name


def test_the_page_names_every_source_field_and_transform(tool: ModuleType) -> None:
    page = tool.render()
    for name in (*CANONICAL_SOURCES, *Order.__struct_fields__, *TRANSFORMS):
        assert f"| `{name}" in page, name
    assert "| Net of refunds, in `currency`, as the platform counts it. |" in page
    assert """| `truncate:N` | The first N characters. | `"Grüße aus Köln"` becomes `'Grüße'` |""" in page
