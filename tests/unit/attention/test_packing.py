"""The packed form of patterns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_programs.attention.metrics import iou, jensen_shannon_distance
from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.attention.pattern_store import TextAttention

SIZES = st.integers(1, 24)
SEEDS = st.integers(0, 2**32 - 1)


def random_patterns(heads: int, tokens: int, causal: bool, seed: int) -> np.ndarray:
    patterns = np.random.default_rng(seed).random((heads, tokens, tokens)).astype(np.float32) + 0.01
    patterns = np.tril(patterns) if causal else patterns
    return patterns / patterns.sum(-1, keepdims=True)


@given(SIZES, st.booleans(), st.integers(1, 3), SEEDS, st.sets(st.integers(0, 23)))
def test_patterns_come_back(tokens: int, causal: bool, heads: int, seed: int, kept: set[int]) -> None:
    patterns = random_patterns(heads, tokens, causal, seed)
    packing = Packing(tokens, causal, tuple(sorted(row for row in kept if row < tokens)))
    entries = packing.pack(patterns)
    assert entries.shape == (heads, packing.entries)
    np.testing.assert_array_equal(packing.unpack(entries), patterns[:, packing.rows])
    np.testing.assert_array_equal(packing.pack(patterns[0]), entries[0])
    np.testing.assert_array_equal(entries[:, packing.starts], patterns[:, packing.rows, 0])
    np.testing.assert_allclose(packing.row_sums(entries), 1, atol=1e-5)
    for start in range(len(packing.rows)):
        part = packing.slice_of(slice(start, start + 1))
        np.testing.assert_array_equal(entries[0, part], patterns[0, packing.rows[start], : packing.row_lengths[start]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_type_is_kept(dtype: type) -> None:
    packing = Packing(3, causal=True)
    entries = packing.pack(np.eye(3, dtype=dtype))
    assert entries.dtype == dtype
    assert packing.unpack(entries).dtype == dtype


@given(st.integers(1, 200), st.integers(2, 60))
def test_long_texts_keep_a_complete_beginning_and_evenly_spaced_rows(tokens: int, max_rows: int) -> None:
    kept = sampled_rows(tokens, max_rows)
    packing = Packing(tokens, True, kept)
    if tokens <= max_rows:
        assert kept == ()
        assert packing.complete == tokens
        return
    assert len(kept) == max_rows
    assert kept[-1] == tokens - 1
    assert max_rows // 2 <= packing.complete < tokens
    gaps = np.diff([max_rows // 2 - 1, *kept[max_rows // 2 :]])
    assert max(gaps) - min(gaps) <= 1
    counted = packing.weights * tokens / max_rows  # how many rows each stands for
    assert counted.sum() == pytest.approx(tokens, rel=1e-4)
    np.testing.assert_allclose(counted[: packing.complete], 1, rtol=1e-5)


@given(st.integers(8, 40), st.integers(0, 40), SEEDS)
def test_a_weighted_row_counts_as_often_as_the_rows_it_stands_for(tokens: int, repeated: int, seed: int) -> None:
    """Where all later rows are alike, the measures of the kept ones are those of the whole pattern."""
    a, p = random_patterns(2, tokens, False, seed)
    complete = min(4, tokens - 2)
    for pattern in (a, p):
        pattern[complete:] = pattern[complete + repeated % (tokens - complete)]
    packing = Packing(tokens, False, (*range(complete), tokens - 1))
    few = [packing.unpack(packing.weighted(packing.pack(pattern))) for pattern in (a, p)]
    assert iou(*few) == pytest.approx(iou(a, p), abs=1e-5)
    assert jensen_shannon_distance(*few) == pytest.approx(jensen_shannon_distance(a, p), abs=1e-4)


def test_the_beginning_of_a_text_holds_its_first_rows() -> None:
    patterns = random_patterns(2, 12, True, 0)
    rows = sampled_rows(12, 6)
    packing = Packing(12, True, rows)
    text = TextAttention(
        ids=tuple(range(12)), token_strings=tuple("abcdefghijkl"), rows=rows, entries=packing.pack(patterns)
    )
    np.testing.assert_array_equal(text.complete.patterns, patterns[:, :3, :3])
    assert text.complete.rows == ()
    np.testing.assert_array_equal(text.beginning(9).patterns, patterns[:, [0, 1, 2, 5, 8], :9])
    assert text.beginning(9).rows == (0, 1, 2, 5, 8)
