"""Measures of fit: the definition in a plain loop, the readable functions and the fast kernel against each other."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attention_programs import machine_code
from attention_programs.attention.metrics import entropy, iou, iou_of_shared, jensen_shannon_distance, sink_excluded_iou
from attention_programs.attention.packing import Packing
from attention_programs.scoring import pairwise as kernel_module
from attention_programs.scoring.assignments import _score
from attention_programs.scoring.bootstrap import (
    FEWEST_TEXTS,
    interval_of_means,
    interval_of_ratio,
    rank_correlation,
    resample_weights,
)
from attention_programs.scoring.pairwise import (
    PairScores,
    _shifted_log2,
    score_pairs,
)

Pattern = NDArray[np.float32]
SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(1, 9)
DEVICES = ("cpu", "cpu:0")
"""The second is the CPU, too, but reached as a GPU is, by torch."""


def random_pattern(tokens: int, causal: bool, generator: np.random.Generator, kind: str = "soft") -> Pattern:
    """Rows that sum to 1: spread out, with most weight on the first token, or with exact zeros."""
    scores = generator.normal(size=(tokens, tokens)) * 2
    if kind == "sink":
        scores[:, 0] += 12
    weights = np.exp(scores)
    if kind == "sparse":
        weights[generator.random((tokens, tokens)) < 0.6] = 0
        weights[:, 0] += 1e-3
    weights = np.tril(weights) if causal else weights
    result: Pattern = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def by_loop(attention: Pattern, predicted: Pattern, causal: bool) -> tuple[float, float, float]:
    """IoU, IoU without the first column, and mean divergence in bits, cell by cell as they are defined."""
    tokens = len(attention)
    shared = joined = rest_shared = rest_joined = divergence = 0.0
    for row in range(tokens):
        for column in range(row + 1 if causal else tokens):
            a, p = float(attention[row, column]), float(predicted[row, column])
            shared, joined = shared + min(a, p), joined + max(a, p)
            if column > 0:
                rest_shared, rest_joined = rest_shared + min(a, p), rest_joined + max(a, p)
            middle = (a + p) / 2
            for weight in (a, p):
                if weight > 0:
                    divergence += weight / 2 * math.log2(weight / middle)
    return shared / joined, rest_shared / rest_joined if rest_joined else 1.0, divergence / tokens


def kernel(predicted: list[Pattern], attention: list[Pattern], causal: bool, device: str = "cpu") -> PairScores:
    tokens = len(attention[0])
    packing = Packing(tokens, causal)
    packed = [packing.pack(np.stack(patterns)).astype(np.float32) for patterns in (predicted, attention)]
    return score_pairs(packed[0], packed[1], packing.starts, device)


@pytest.mark.parametrize("device", DEVICES)
@given(st.integers(1, 14), st.booleans(), st.sampled_from(["soft", "sink", "sparse"]), SEEDS, st.tuples(COUNTS, COUNTS))
@example(2, False, "sparse", 213, (6, 8))
@settings(deadline=None, max_examples=60)
def test_kernel_and_measures_equal_the_definition(
    device: str, tokens: int, causal: bool, kind: str, seed: int, counts: tuple[int, int]
) -> None:
    generator = np.random.default_rng(seed)
    programs, heads = ([random_pattern(tokens, causal, generator, kind) for _ in range(count)] for count in counts)
    found = kernel(programs, heads, causal, device)
    assert found.intersection.shape == counts
    fits = iou_of_shared(found.intersection, tokens)
    for i, program in enumerate(programs):
        for j, head in enumerate(heads):
            expected, rest, divergence = by_loop(head, program, causal)
            assert iou(head, program) == pytest.approx(expected, abs=1e-5)
            assert sink_excluded_iou(head, program) == pytest.approx(rest, abs=1e-5)
            assert jensen_shannon_distance(head, program) ** 2 == pytest.approx(divergence, abs=1e-5)
            assert fits[i, j] == pytest.approx(expected, abs=1e-5)
            packing = Packing(tokens, causal)
            without_sink = np.setdiff1d(np.arange(packing.entries), packing.starts)
            one_by_one = _score(packing.pack(program), packing.pack(head), tokens, without_sink)
            assert one_by_one == pytest.approx((expected, rest), abs=1e-5)
            assert found.sink_excluded_iou[i, j] == pytest.approx(rest, abs=1e-5)
            assert found.divergence[i, j] == pytest.approx(divergence, abs=1e-5)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("sink", [6, 14, 18])
def test_kernel_is_exact_where_nearly_all_weight_rests_on_the_first_token(causal: bool, sink: float) -> None:
    generator = np.random.default_rng(0)
    patterns = []
    for _ in range(4):
        weights = np.exp(generator.normal(size=(64, 64)))
        weights[:, 0] *= np.exp(sink)
        weights = np.tril(weights) if causal else weights
        patterns.append((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))
    found = kernel(patterns[:2], patterns[2:], causal)
    for i in range(2):
        for j in range(2):
            assert found.sink_excluded_iou[i, j] == pytest.approx(
                sink_excluded_iou(patterns[2 + j], patterns[i]), abs=1e-4
            )


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("tokens", [44, 45, 46, 91])
def test_long_texts_are_summed_to_the_last_cell(causal: bool, tokens: int) -> None:
    # 1024 cells are summed at a time: triangles of 44 tokens have fewer, of 45 just more, of 91 several times as many.
    generator = np.random.default_rng(0)
    programs = [random_pattern(tokens, causal, generator, kind) for kind in ("soft", "sink", "sparse")]
    heads = [random_pattern(tokens, causal, generator, kind) for kind in ("sparse", "soft")]
    found = kernel(programs, heads, causal)
    for i, program in enumerate(programs):
        for j, head in enumerate(heads):
            expected, rest, divergence = by_loop(head, program, causal)
            assert iou_of_shared(found.intersection, tokens)[i, j] == pytest.approx(expected, abs=1e-5)
            assert found.sink_excluded_iou[i, j] == pytest.approx(rest, abs=1e-5)
            assert found.divergence[i, j] == pytest.approx(divergence, abs=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_a_pair_has_the_same_score_whatever_it_is_scored_with(causal: bool) -> None:
    generator = np.random.default_rng(0)
    programs = [random_pattern(50, causal, generator) for _ in range(5)]
    heads = [random_pattern(50, causal, generator) for _ in range(7)]
    whole = kernel(programs, heads, causal)
    for rows, columns in ((slice(0, 1), slice(0, 1)), (slice(3, 5), slice(2, 7)), (slice(1, 4), slice(5, 7))):
        part = kernel(programs[rows], heads[columns], causal)
        np.testing.assert_array_equal(part.intersection, whole.intersection[rows, columns])
        np.testing.assert_array_equal(part.sink_excluded_iou, whole.sink_excluded_iou[rows, columns])
        np.testing.assert_array_equal(part.divergence, whole.divergence[rows, columns])


def test_logarithms_are_close_for_weights_of_any_size() -> None:
    # Middle maps hold weights between 0 and 2. The shift is the same for all, so it can't be told from the scores.
    weights = np.concatenate([2.0 ** np.arange(-40.0, 2.0), np.linspace(1e-3, 2, 4001)]).astype(np.float32)
    shifted = np.array([_shifted_log2(weight) for weight in weights])
    np.testing.assert_allclose(shifted - np.log2(weights.astype(float)), 3.04004, atol=6e-6)
    assert np.isfinite(_shifted_log2(np.float32(0)))


def test_the_kernel_runs_where_its_machine_code_can_not_be_kept(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").write_text(Path(kernel_module.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    for taken in ("__pycache__", "home"):  # a file where a folder is needed stops even the superuser
        (tmp_path / taken).write_text("", encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG"))}
    code = (
        "import kernel, numpy as np; even = np.full((1, 4), 0.5, np.float32); "
        "print(kernel.score_pairs(even, even, np.array([0, 2])).intersection)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "[[2.]]\n"


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("tokens", [1, 2, 64])
def test_identical_maps_fit_completely(tokens: int, causal: bool) -> None:
    same = random_pattern(tokens, causal, np.random.default_rng(1))
    assert iou(same, same) == 1
    assert sink_excluded_iou(same, same) == 1
    assert jensen_shannon_distance(same, same) == pytest.approx(0, abs=1e-6)
    found = kernel([same], [same], causal)
    assert iou_of_shared(found.intersection, tokens)[0, 0] == pytest.approx(1, abs=1e-6)
    assert found.sink_excluded_iou[0, 0] == pytest.approx(1, abs=1e-6)
    assert found.divergence[0, 0] == pytest.approx(0, abs=1e-6)


def test_maps_without_a_common_cell_do_not_fit_at_all() -> None:
    first = np.zeros((5, 5), np.float32)
    first[:, 0] = 1
    last = np.zeros((5, 5), np.float32)
    last[:, 4] = 1
    assert (iou(first, last), sink_excluded_iou(first, last), jensen_shannon_distance(first, last)) == (0, 0, 1)
    found = kernel([first], [last], causal=False)
    assert (found.intersection[0, 0], found.sink_excluded_iou[0, 0]) == (0, 0)
    assert found.divergence[0, 0] == pytest.approx(1, abs=1e-6)


def test_two_maps_that_rest_on_the_first_token_have_nothing_else_to_disagree_on() -> None:
    first = np.zeros((6, 6), np.float32)
    first[:, 0] = 1
    assert sink_excluded_iou(first, first) == 1
    assert kernel([first], [first], causal=True).sink_excluded_iou[0, 0] == 1


def test_entropy_of_even_rows_is_the_log_of_their_length() -> None:
    np.testing.assert_allclose(entropy(np.full((3, 8), 1 / 8)), 3)


def test_measures_do_not_care_which_map_is_the_heads() -> None:
    generator = np.random.default_rng(2)
    a, b = random_pattern(9, True, generator), random_pattern(9, True, generator, "sparse")
    for measure in (iou, sink_excluded_iou, jensen_shannon_distance):
        assert measure(a, b) == pytest.approx(measure(b, a))
        assert 0 < measure(a, b) < 1


def test_resampling_draws_as_many_texts_as_there_are() -> None:
    weights = resample_weights(7, 50, np.random.default_rng(0))
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_array_equal(weights, resample_weights(7, 50, np.random.default_rng(0)))
    assert not np.array_equal(weights, resample_weights(7, 50, np.random.default_rng(1)))


def test_intervals_of_means_lie_around_the_mean_and_shrink_with_more_texts() -> None:
    generator = np.random.default_rng(0)
    widths = []
    for texts in (20, 500):
        values = generator.random((texts, 2))
        first, second = interval_of_means(values, resample_weights(texts, 500, generator))
        assert first.mean == pytest.approx(values[:, 0].mean())
        assert first.low < first.mean < first.high
        assert second.low < second.mean < second.high
        widths.append(first.high - first.low)
    # The standard error of 20 uniform numbers is 0.29 / sqrt(20) = 0.065, so the interval is about 0.25 wide.
    assert widths[0] == pytest.approx(0.25, abs=0.08)
    assert widths[1] == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("texts", [12, 40, 82])
def test_intervals_of_means_cover(texts: int) -> None:
    """Skewed values: plain percentiles of the resampled means would hold the truth in 87, 92 and 93 % of cases."""
    generator, held, runs = np.random.default_rng(texts), 0, 1000
    for _ in range(runs):
        values = generator.gamma(1.2, 1 / 1.2, size=(texts, 1))
        (interval,) = interval_of_means(values, resample_weights(texts, 400, generator))
        held += interval.low <= 1 <= interval.high
    assert 0.92 <= held / runs <= 0.98


def test_too_few_texts_give_no_interval() -> None:
    for texts, known in ((1, False), (FEWEST_TEXTS - 1, False), (FEWEST_TEXTS, True)):
        values, weights = np.arange(texts, dtype=float), resample_weights(texts, 100, np.random.default_rng(0))
        (mean,) = interval_of_means(values[:, None], weights)
        ratio = interval_of_ratio(values, np.ones(texts), weights)
        for interval in (mean, ratio):
            assert interval.mean == pytest.approx(values.mean())
            assert np.isfinite([interval.low, interval.high]).tolist() == [known, known]


def test_intervals_of_ratios_weigh_texts_by_their_length() -> None:
    weights = resample_weights(12, 400, np.random.default_rng(0))
    interval = interval_of_ratio(np.tile([2.0, 4.0, 20.0], 4), np.tile([1.0, 2.0, 10.0], 4), weights)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((2, 2, 2))
    spread = interval_of_ratio(np.tile([1.0, 4.0, 2.0], 4), np.tile([1.0, 2.0, 10.0], 4), weights)
    assert spread.mean == pytest.approx(7 / 13)
    assert spread.low < spread.mean < spread.high


def test_resamples_of_texts_that_are_alike_do_not_count() -> None:
    """Rounding leaves them a standard error of 1e-8, and a statistic of millions."""
    numerator, denominator = np.zeros(46), np.tile([2.0, 3.0], 23)
    numerator[5] = 1.0
    interval = interval_of_ratio(numerator, denominator, resample_weights(46, 2000, np.random.default_rng(0)))
    assert -0.1 < interval.low < interval.mean < interval.high < 0.1


def test_resamples_without_a_token_do_not_count() -> None:
    weights = np.vstack([12 * np.eye(12), np.ones((3, 12))])
    numerator, denominator = np.zeros(12), np.zeros(12)
    numerator[1], denominator[1] = 6.0, 3.0
    interval = interval_of_ratio(numerator, denominator, weights)
    assert (interval.mean, interval.low, interval.high) == (2, 2, 2)


def test_machine_code_is_kept_outside_the_package(tmp_path: Path) -> None:
    """So that nothing of it outlives an uninstall; a folder that the user names for numba is heeded."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    code = (
        "from attention_programs.machine_code import exp_of_negative as function; import numpy as np;"
        "function(np.float32(0)); print(function._cache.cache_path)"
    )
    package = Path(machine_code.__file__).parent
    before = set(package.rglob("*.nb?"))
    for name, value in (("XDG_CACHE_HOME", tmp_path / "home"), ("NUMBA_CACHE_DIR", tmp_path / "named")):
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, env=environment | {name: str(value)}, capture_output=True, text=True, check=True)
        folder = Path(ran.stdout.strip())
        assert value in folder.parents
        assert list(folder.glob("*exp_of_negative*.nbc"))
    assert set(package.rglob("*.nb?")) == before


NAN = math.nan


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1, 2, 3, 4], [10, 30, 20, 40], 0.8),
        ([1, 2, 2, 3], [4, 3, 3, 1], -1.0),
        ([1, 2], [3, 4], 1.0),
        ([1, NAN, 3, 4], [1, 9, 5, 3], 0.5),
        ([], [], NAN),
        ([1], [2], NAN),
        ([1, 2], [NAN, 2], NAN),
        ([NAN, NAN, NAN], [1, 2, 3], NAN),
        ([1, 1, 1], [1, 2, 3], NAN),
        ([1, 2, 3], [5, 5, 5], NAN),
    ],
)
def test_rank_correlation(first: list[float], second: list[float], expected: float) -> None:
    assert rank_correlation(first, second) == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=50))
def test_rank_correlation_is_pearsons_of_the_ranks(pairs: list[tuple[int, int]]) -> None:
    ranks = pd.DataFrame(pairs).rank()
    expected = ranks[0].corr(ranks[1]) if (ranks.nunique() > 1).all() else NAN
    assert rank_correlation(*zip(*pairs, strict=True)) == pytest.approx(expected, nan_ok=True)
