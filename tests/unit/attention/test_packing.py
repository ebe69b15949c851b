"""The packed form of maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.attention.packing import entry_count, pack, row_starts, unpack

SIZES = st.integers(1, 24)


@given(SIZES, st.booleans(), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_maps_come_back(tokens: int, causal: bool, heads: int, seed: int) -> None:
    patterns = np.random.default_rng(seed).random((heads, tokens, tokens)).astype(np.float32)
    patterns = np.tril(patterns) if causal else patterns
    entries = pack(patterns, causal)
    assert entries.shape == (heads, entry_count(tokens, causal))
    np.testing.assert_array_equal(unpack(entries, tokens, causal), patterns)
    np.testing.assert_array_equal(pack(patterns[0], causal), entries[0])


@given(SIZES, st.booleans(), st.integers(0, 2**32 - 1))
def test_rows_start_where_the_first_column_lies(tokens: int, causal: bool, seed: int) -> None:
    patterns = np.random.default_rng(seed).random((tokens, tokens))
    patterns = np.tril(patterns) if causal else patterns
    entries, starts = pack(patterns, causal), row_starts(tokens, causal)
    np.testing.assert_array_equal(entries[starts], patterns[:, 0])
    np.testing.assert_allclose(np.add.reduceat(entries, starts), patterns.sum(axis=1))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_type_is_kept(dtype: type) -> None:
    entries = pack(np.eye(3, dtype=dtype), causal=True)
    assert entries.dtype == dtype
    assert unpack(entries, 3, causal=True).dtype == dtype
