"""The packed form of maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.attention.packing import cell_count, pack, row_starts, unpack

SIZES = st.integers(1, 24)


@given(SIZES, st.booleans(), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_maps_come_back(tokens: int, causal: bool, heads: int, seed: int) -> None:
    maps = np.random.default_rng(seed).random((heads, tokens, tokens)).astype(np.float32)
    maps = np.tril(maps) if causal else maps
    cells = pack(maps, causal)
    assert cells.shape == (heads, cell_count(tokens, causal))
    np.testing.assert_array_equal(unpack(cells, tokens, causal), maps)
    np.testing.assert_array_equal(pack(maps[0], causal), cells[0])


@given(SIZES, st.booleans(), st.integers(0, 2**32 - 1))
def test_rows_start_where_the_first_column_lies(tokens: int, causal: bool, seed: int) -> None:
    maps = np.random.default_rng(seed).random((tokens, tokens))
    maps = np.tril(maps) if causal else maps
    cells, starts = pack(maps, causal), row_starts(tokens, causal)
    np.testing.assert_array_equal(cells[starts], maps[:, 0])
    np.testing.assert_allclose(np.add.reduceat(cells, starts), maps.sum(axis=1))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_type_is_kept(dtype: type) -> None:
    cells = pack(np.eye(3, dtype=dtype), causal=True)
    assert cells.dtype == dtype
    assert unpack(cells, 3, causal=True).dtype == dtype
