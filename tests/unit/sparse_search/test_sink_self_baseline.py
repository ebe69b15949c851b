"""The fitted baseline: the best share of the first token is found, per head, and written as a program."""

import numpy as np
import pytest

from attention_programs.attention.packing import Packing
from attention_programs.models.head import Head
from attention_programs.programs.features import Feature, candidate_features
from attention_programs.programs.run_result import Scored
from attention_programs.programs.runtime import run
from attention_programs.sparse_search.design import Design, build_design
from attention_programs.sparse_search.sink_self_baseline import GRID, fit_sink_self, sink_self_source
from cases import LONG, TEXT, mapped, view_of

FEATURES = [Feature("previous_token"), Feature("self_token"), Feature("first_token")]


def mixture(n: int, share: float) -> np.ndarray:
    full = (1 - share) * np.eye(n)
    full[:, 0] += share
    return full


def design(shares: list[float], causal: bool) -> Design:
    texts = []
    for token_strings in (LONG, TEXT):
        view = view_of(token_strings, causal)
        patterns = np.stack([mixture(view.n, share) for share in shares]).astype(np.float32)
        texts.append(mapped(view, Packing(view.n, causal).pack(patterns), token_strings[0]))
    return build_design(texts, FEATURES, "cpu")


@pytest.mark.parametrize("causal", [True, False])
def test_the_share_of_each_head_is_found(causal: bool) -> None:
    heads = [Head(0, 0), Head(0, 1), Head(1, 0), Head(1, 1), Head(2, 0)]
    records = fit_sink_self(design([0.0, 0.35, 1.0, 0.36, 0.9], causal), FEATURES, heads)
    assert [(r.name, r.intended_heads) for r in records] == [
        ("sink_self_0", ["L0H0"]),
        ("sink_self_35", ["L0H1", "L1H1"]),
        ("sink_self_90", ["L2H0"]),
        ("sink_self_100", ["L1H0"]),
    ]
    assert {(r.author, r.prefix_test) for r in records} == {("baseline", "prefix_only")}


@pytest.mark.parametrize("share", GRID)
def test_the_program_gives_the_stated_shares(share: int) -> None:
    [record] = [
        r for r in fit_sink_self(design([share / 100], causal=True), FEATURES, [Head(0, 0)]) if r.intended_heads
    ]
    assert record.source == sink_self_source(share)
    assert record.description == f"Attends to the first token ({share} %) and to itself ({100 - share} %)."
    outcome = run(record.compiled(), view_of(LONG))
    assert isinstance(outcome, Scored)
    np.testing.assert_allclose(outcome.weights, mixture(len(LONG), share / 100), atol=1e-6)


def test_the_search_features_hold_what_the_mixture_needs() -> None:
    for causal in (True, False):
        assert set(FEATURES) <= set(candidate_features(causal))
