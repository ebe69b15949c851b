"""Long texts are fitted by their beginnings and by as many later rows as the bound on memory allows."""

import numpy as np
import pytest
from test_search import SETTINGS, made_up

from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.programs.features import Feature
from attention_programs.sparse_search.design import build_design, design_bytes
from attention_programs.sparse_search.fitted_rows import fitted_parts
from attention_programs.sparse_search.search import SearchData

FEATURES = 10


def text_of(tokens: int, max_rows: int, heads: int = 2) -> TextAttention:
    patterns = np.tril(np.random.default_rng(tokens).random((heads, tokens, tokens)) + 0.1)
    patterns = (patterns / patterns.sum(-1, keepdims=True)).astype(np.float16)
    rows = sampled_rows(tokens, max_rows)
    ids = tuple(range(tokens))
    entries = Packing(tokens, True, rows).pack(patterns)
    return TextAttention(ids=ids, token_strings=tuple(f" w{i}" for i in ids), rows=rows, entries=entries)


def test_short_texts_are_fitted_whole_whatever_the_bound() -> None:
    texts = [text_of(12, 16), text_of(16, 16)]
    parts = fitted_parts(texts, FEATURES, memory_mib=0)
    assert [part.ids for part in parts] == [text.ids for text in texts]
    for part, text in zip(parts, texts, strict=True):
        np.testing.assert_array_equal(part.entries, text.entries)


def test_a_long_text_counts_by_its_beginning_and_by_its_later_rows() -> None:
    text = text_of(40, 16)
    beginning, later = fitted_parts([text], FEATURES, memory_mib=100)
    assert (len(beginning.ids), beginning.rows) == (8, ())
    assert later.rows == text.rows[8:]
    np.testing.assert_array_equal(later.patterns, text.patterns[:, 8:])


@pytest.mark.parametrize(("share", "kept"), [(1.0, 8), (0.7, 4), (0.3, 1), (0.0, 1)])
def test_later_rows_are_thinned_out_to_the_bound(share: float, kept: int) -> None:
    texts = [text_of(40, 16), text_of(39, 16)]
    whole = fitted_parts(texts, FEATURES, memory_mib=100)
    bound = share * design_bytes(whole, FEATURES) / 2**20
    parts = fitted_parts(texts, FEATURES, bound)
    later = [part for part in parts if part.rows]
    assert {len(part.rows) for part in later} == {kept}
    assert [part.rows[-1] for part in later] == [39, 38]
    assert share == 0.0 or kept == 1 or design_bytes(parts, FEATURES) <= bound * 2**20
    for part, text in zip(later, texts, strict=True):
        places = [text.rows.index(row) for row in part.rows]
        np.testing.assert_array_equal(part.patterns, text.patterns[:, places])


def test_a_design_holds_the_kept_rows_and_their_features() -> None:
    text = text_of(40, 16)
    design = build_design(fitted_parts([text], 2, 100), [Feature("first_token"), Feature("offset", 2)], "cpu")
    assert design.lengths.tolist() == [8, 8]
    assert sorted(len(group.features[0]) for group in design.groups) == sorted(row + 1 for row in text.rows)
    for group in design.groups:
        tokens = len(group.features[0])
        assert group.features[0, :, 0].nonzero().flatten().tolist() == [0]
        assert group.features[1, :, 0].nonzero().flatten().tolist() == ([tokens - 3] if tokens > 2 else [])
        place = text.rows.index(tokens - 1)
        np.testing.assert_array_equal(group.attention[:, :, 0], text.patterns[:, place, :tokens].astype(np.float16))


def test_beginnings_of_training_texts_are_texts_of_their_own() -> None:
    texts = made_up(0, 3, True)
    short = SearchData(texts, texts, SETTINGS, "cpu").of_beginnings(7)
    for text, whole in zip(short.train, texts, strict=True):
        assert text.ids == whole.ids[:7]
        np.testing.assert_array_equal(text.patterns, whole.patterns[:, :7, :7])
