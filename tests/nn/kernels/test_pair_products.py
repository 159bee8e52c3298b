"""What multiplies bfloat16 on a processor. What it computes is tested with ``pairs``."""

import pytest
from numba import config

from deepsphere.nn.kernels import dot_instructions, pair_products
from deepsphere.nn.kernels.dot_instructions import has_dot_products
from deepsphere.nn.kernels.pair_products import BY_DOTS, BY_UNITS, fastest_pairs


@pytest.mark.parametrize(
    ("has_units", "has_dots", "expected"),
    [(True, True, BY_UNITS), (False, True, BY_DOTS), (False, False, None)],
)
def test_matrix_units_come_before_dot_products(monkeypatch, has_units, has_dots, expected):
    monkeypatch.setattr(pair_products, "has_matrix_units", lambda: has_units)
    monkeypatch.setattr(pair_products, "has_dot_products", lambda: has_dots)
    assert fastest_pairs() is expected


@pytest.mark.parametrize("name", ["CPU_NAME", "CPU_FEATURES"])
def test_dot_products_are_used_where_numba_compiles_for_a_processor_that_has_them(
    monkeypatch, name
):
    monkeypatch.setattr(dot_instructions, "HAS", {})
    assert not has_dot_products()
    monkeypatch.setattr(dot_instructions, "HAS", {"avx512bf16": True})
    assert has_dot_products()
    monkeypatch.setattr(config, name, "generic")
    assert not has_dot_products()
