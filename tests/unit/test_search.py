"""The search: known programs are found again, the same every time; its steps are what their formulas say."""

import dataclasses
import itertools
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from attention_programs.attention.packing import pack
from attention_programs.attention.store import MappedText
from attention_programs.config import SynthesisSettings
from attention_programs.errors import UserError
from attention_programs.programs.outcome import Scored
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.vocabulary import CLASSES, PATTERNS
from attention_programs.synthesis import fitting
from attention_programs.synthesis.design import Design, build_design, mean_iou, softmax_rows
from attention_programs.synthesis.emission import emit
from attention_programs.synthesis.features import Feature, candidate_features
from attention_programs.synthesis.fitting import LARGEST, divergence, iou_slope, newton_step, polish
from attention_programs.synthesis.search import START, FoundProgram, Search, _promise_of_text
from cases import program, view_of

WORDS = (" the", " cat", " dog", " saw", " ran", ",", ".", " and", " she", " Tom", " a", " in", "\n", " 7", " (", ")")
KNOWN = (
    "3.0 * text.first_token - 1.2 * text.log_distance + 2.0 * text.key.comma",
    "2.0 * text.first_token + 4.0 * text.previous_token",
    "1.5 * text.first_token - 1.2 * text.log_distance + 3.0 * text.latest_same_token - 2.0 * text.key.punctuation",
)
SETTINGS = SynthesisSettings(max_terms=6)


def made_up(seed: int, count: int, causal: bool, sources: Sequence[str] = KNOWN) -> list[MappedText]:
    """Random texts of 12-24 tokens, with the maps of known programs, one a head."""
    rng = np.random.default_rng(seed)
    texts = []
    for number in range(count):
        view = view_of([WORDS[i] for i in rng.integers(len(WORDS), size=rng.integers(12, 25))], causal)
        maps = []
        for source in sources:
            outcome = run(compile_trusted(program(f"text.softmax({source})"), "known", shipped=False), view)
            assert isinstance(outcome, Scored)
            maps.append(outcome.weights)
        texts.append(MappedText(str(number), "stories", "train", view.ids, view.pieces, pack(np.stack(maps), causal)))
    return texts


@cache
def designs(causal: bool, seed: int = 0, sources: tuple[str, ...] = KNOWN) -> tuple[Design, Design]:
    features = candidate_features(causal)
    train, validation = made_up(seed, 8, causal, sources), made_up(seed + 100, 4, causal, sources)
    return build_design(train, features, causal), build_design(validation, features, causal)


def search(causal: bool, seed: int = 0, workers: int = 1, **settings: float) -> list[FoundProgram]:
    train, validation = designs(causal, seed)
    changed = dataclasses.replace(SETTINGS, **settings)  # type: ignore[arg-type]
    return Search(train, validation, candidate_features(causal), changed, workers).run()


def noisy(seed: int) -> tuple[np.ndarray, np.ndarray, Design, np.random.Generator]:
    """A few random columns of a design and a random map that no constants reproduce."""
    rng = np.random.default_rng(seed)
    design = designs(causal=True)[0]
    chosen = rng.choice(len(design.features), int(rng.integers(2, 9)), replace=False)
    scores = rng.normal(size=design.features.shape[1]) * rng.uniform(0.5, 6)
    return design.features[chosen], softmax_rows(np.asarray(scores, dtype=np.float32), design), design, rng


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_known_programs_are_found_again(causal: bool, seed: int) -> None:
    found = search(causal, seed)
    assert len(found) == len(KNOWN)
    for result in found:
        assert result.iou_validation > 0.97
        assert result.iou_train > 0.97
    for result, source in ((found[0], KNOWN[0]), (found[2], KNOWN[2])):
        terms = [f"{t.constant:+.1f} * {t.feature.expression}" for t in result.terms]
        assert set(terms) == set(("+" + source).replace(" - ", "|-").replace(" + ", "|+").split("|"))


def test_reported_iou_is_that_of_the_emitted_program() -> None:
    texts = made_up(100, 4, causal=True)
    for head, result in enumerate(search(causal=True, seed=0, max_terms=3)):
        compiled = compile_trusted(emit(result.terms), "found", shipped=False)
        ious = []
        for text in texts:
            outcome = run(compiled, view_of(text.pieces))
            assert isinstance(outcome, Scored)
            cells = pack(outcome.weights, True)
            ious.append(np.minimum(cells, text.cells[head]).sum() / np.maximum(cells, text.cells[head]).sum())
        assert result.iou_validation == pytest.approx(np.mean(ious), abs=1e-5)


@pytest.mark.parametrize("causal", [True, False])
def test_every_run_and_any_number_of_workers_finds_the_same(causal: bool) -> None:
    first = search(causal, workers=1)
    assert search(causal, workers=1) == first
    assert search(causal, workers=2) == first
    assert [emit(result.terms) for result in search(causal, workers=3)] == [emit(result.terms) for result in first]


@pytest.mark.parametrize("most", [2, 3, 4])
def test_max_terms_is_respected_and_constants_have_one_decimal(most: int) -> None:
    for result in search(causal=True, max_terms=most, min_gain=0.0):
        assert len(result.terms) <= most
        assert len(result.path_validation) == most - 1
        assert len({term.feature for term in result.terms}) == len(result.terms)
        for term in result.terms:
            assert term.constant == round(term.constant, 1) != 0
            assert abs(term.constant) <= LARGEST
            assert term.influence >= 0


def test_fewer_terms_than_every_program_begins_with_are_refused() -> None:
    with pytest.raises(UserError, match=r"synthesis\.max_terms is 1; write 2 or more"):
        search(causal=True, max_terms=1)


def test_more_terms_fit_better_and_a_gain_too_small_is_not_worth_a_term() -> None:
    long, short = search(causal=True), search(causal=True, min_gain=1.0)
    for more, fewer in zip(long, short, strict=True):
        assert {term.feature for term in fewer.terms} <= set(START)
        assert more.iou_validation > fewer.iou_validation
        assert max(more.path_validation) > more.path_validation[0]


def test_the_number_of_terms_is_chosen_on_validation() -> None:
    """Validation maps without the commas of the train maps: the term for them is not kept."""
    plain = "3.0 * text.first_token - 1.2 * text.log_distance"
    train = designs(True, 0, (plain + " + 2.0 * text.key.comma",))[0]
    validation = designs(True, 0, (plain,))[1]
    [result] = Search(train, validation, candidate_features(True), SETTINGS, 1).run()
    assert {term.feature for term in result.terms} == set(START)
    [other] = Search(train, train, candidate_features(True), SETTINGS, 1).run()
    assert Feature(key="comma") in {term.feature for term in other.terms}


def test_candidates_are_distinct_and_hold_the_whole_vocabulary() -> None:
    causal, both = candidate_features(True), candidate_features(False)
    assert len(set(causal)) == len(causal)
    assert len(set(both)) == len(both)
    ahead = {name for name, term in PATTERNS.items() if term.looks_ahead}
    assert {feature.pattern for feature in set(both) - set(causal)} == ahead
    assert {f.pattern for f in both if not f.query} - {""} == PATTERNS.keys() - {"uniform"}
    assert {f.key for f in causal if not f.query} - {""} == CLASSES.keys()
    assert set(START) <= set(causal)


@pytest.mark.parametrize("causal", [True, False])
def test_designs_lay_texts_end_to_end(causal: bool) -> None:
    texts = made_up(5, 3, causal)
    features = [Feature("previous_token"), Feature(key="comma", query="newline"), Feature("offset", 2)]
    design = build_design(texts, features, causal)
    lengths = [len(text.ids) for text in texts]
    assert design.tokens.tolist() == lengths
    assert design.rows == sum(lengths)
    cells = [n * (n + 1) // 2 if causal else n * n for n in lengths]
    assert design.text_starts.tolist() == np.cumsum([0, *cells])[:-1].tolist()
    rows = [i + 1 if causal else n for n in lengths for i in range(n)]
    assert np.diff(np.append(design.row_starts, sum(cells))).tolist() == rows
    assert design.row_of_cell.tolist() == np.repeat(np.arange(sum(lengths)), rows).tolist()
    for text, start, size in zip(texts, design.text_starts, cells, strict=True):
        view = view_of(text.pieces, causal)
        for row, feature in enumerate(features):
            np.testing.assert_array_equal(
                design.features[row, start : start + size], pack(np.array(feature.matrix(view)), causal)
            )


def test_softmax_rows_and_mean_iou_are_their_formulas() -> None:
    _, attention, design, rng = noisy(0)
    scores = (rng.normal(size=len(attention)) * 50).astype(np.float32)
    predicted = softmax_rows(scores, design)
    starts = np.append(design.row_starts, len(scores))
    for begin, end in itertools.pairwise(starts):
        row = np.exp(scores[begin:end].astype(float) - scores[begin:end].max())
        np.testing.assert_allclose(predicted[begin:end], row / row.sum(), atol=1e-6)
    bounds = np.append(design.text_starts, len(scores))
    ious = [
        np.minimum(attention[a:b], predicted[a:b]).sum() / np.maximum(attention[a:b], predicted[a:b]).sum()
        for a, b in itertools.pairwise(bounds)
    ]
    assert mean_iou(attention, predicted, design) == pytest.approx(np.mean(ious), abs=1e-5)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("text", [0, 3, 7])
def test_a_features_promise_is_its_gradient_and_its_variance(causal: bool, text: int) -> None:
    """Row by row, in double precision: means under the predicted map less those under the real one, and variances."""
    design = designs(causal)[0]
    rng = np.random.default_rng(text)
    constants = (rng.normal(size=(len(KNOWN), len(design.features))) / 20).astype(np.float32)
    gradient, spread = np.zeros(constants.shape), np.zeros(constants.shape)
    begins = np.append(design.row_starts, design.features.shape[1])
    first = int(design.tokens[:text].sum())
    for row in range(first, first + int(design.tokens[text])):
        cells = slice(begins[row], begins[row + 1])
        features, real = design.features[:, cells].astype(float), design.attention[:, cells].astype(float)
        weights = np.exp(constants.astype(float) @ features)
        weights /= weights.sum(axis=1, keepdims=True)
        gradient += (weights - real) @ features.T
        spread += weights @ (features**2).T - (weights @ features.T) ** 2
    promise = _promise_of_text(design, text, constants)
    np.testing.assert_allclose(promise.gradient, gradient, atol=1e-3)
    np.testing.assert_allclose(promise.spread, spread, atol=1e-3)
    assert spread.max() > 1


def test_divergence_is_cross_entropy_plus_ridge() -> None:
    columns, attention, design, rng = noisy(1)
    constants = rng.normal(size=len(columns))
    predicted = softmax_rows(constants.astype(np.float32) @ columns, design).astype(float)
    expected = -(attention * np.log(predicted)).sum() / design.rows + 0.1 * (constants**2).sum()
    assert divergence(constants, columns, attention, design, 0.1) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(25))
def test_newton_steps_lower_the_divergence_and_arrive(seed: int) -> None:
    columns, attention, design, _ = noisy(seed)
    constants = np.zeros(len(columns))
    values = [divergence(constants, columns, attention, design, 1e-4)]
    for _ in range(12):
        constants = newton_step(constants, columns, attention, design, 1e-4)
        values.append(divergence(constants, columns, attention, design, 1e-4))
    assert all(after <= before + 2e-6 for before, after in itertools.pairwise(values))
    assert values[1] < values[0]
    predicted = softmax_rows(constants.astype(np.float32) @ columns, design)
    gradient = columns @ (predicted - attention) / design.rows + 2e-4 * constants
    inside = np.abs(constants) < LARGEST
    assert np.abs(gradient[inside]).max(initial=0) < 1e-3


def test_a_newton_step_that_overshoots_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three columns that say the same: each change is limited, their sum is far too large."""
    design = designs(causal=True)[0]
    first = design.features[candidate_features(True).index(Feature("first_token"))]
    columns = np.stack([first] * 3)
    attention = softmax_rows(2.5 * first, design)
    start = np.full(3, 2.0)
    before = divergence(start, columns, attention, design, 1e-4)
    moved = newton_step(start, columns, attention, design, 1e-4)
    assert divergence(moved, columns, attention, design, 1e-4) < before
    monkeypatch.setattr(fitting, "SLACK", np.inf)  # the full step is taken
    full = newton_step(start, columns, attention, design, 1e-4)
    assert divergence(full, columns, attention, design, 1e-4) > before


@pytest.mark.parametrize("seed", range(10))
def test_the_gradient_of_iou_is_that_of_finite_differences(seed: int) -> None:
    columns, attention, design, rng = noisy(seed)
    columns = columns.astype(np.float64)  # so that differences are not drowned by single precision
    constants = rng.integers(-64, 65, len(columns)) / 64
    step = 2.0**-20
    slope = iou_slope(constants, columns, attention, design)
    predicted = softmax_rows(constants @ columns, design)
    assert slope.iou == pytest.approx(mean_iou(attention, predicted, design), abs=1e-5)
    for k in range(len(columns)):
        away = step * np.eye(len(columns))[k]
        ious = [
            mean_iou(attention.astype(float), softmax_rows(c @ columns, design), design)
            for c in (constants + away, constants - away)
        ]
        assert slope.gradient[k] == pytest.approx((ious[0] - ious[1]) / (2 * step), rel=0.02, abs=2e-5)
    assert np.abs(slope.gradient).max() > 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_polish_never_lowers_iou_and_raises_it_where_divergence_was_fitted(seed: int) -> None:
    columns, attention, design, _ = noisy(seed)
    constants = np.zeros(len(columns))
    for _ in range(3):
        constants = newton_step(constants, columns, attention, design, 1e-4)
    before = iou_slope(constants, columns, attention, design).iou
    after = iou_slope(polish(constants, columns, attention, design, 60, 0.03), columns, attention, design).iou
    assert after > before
    unchanged = polish(constants, columns, attention, design, 0, 0.03)
    np.testing.assert_array_equal(unchanged, constants)
    wild = polish(constants, columns, attention, design, 3, 50.0)
    assert iou_slope(wild, columns, attention, design).iou >= before - 1e-6
    assert np.abs(wild).max() <= LARGEST
