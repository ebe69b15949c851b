"""Perplexity and ablation effects of replaced heads equal those of plain loops without shortcuts."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from attention_programs.config import ReplacementSettings
from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.files import read_csv, write_csv
from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.scoring.assignments import assignment_of
from attention_programs.scoring.bootstrap import resample_weights
from attention_programs.surrogate.ablation import (
    AblationEffect,
    SingleEffects,
    measure_ablation_effects,
    rank_reliability,
)
from attention_programs.surrogate.gate import GateMeasurement, divide_validation, read_gate, write_gate
from attention_programs.surrogate.head_rankings import (
    ablation_table,
    chosen_ranking,
    compare_rankings,
    distilled_assignment,
    rank_by_ablation_effect,
    rank_by_iou,
    ranking_table,
    read_rankings,
)
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.losses import MASK_STRIDE, TextLoss, ids_losses, in_batches, perplexity, text_losses
from attention_programs.surrogate.pattern_cache import PatternCache
from attention_programs.surrogate.replacement import (
    Curve,
    Measured,
    Point,
    heads_at,
    increase_interval,
    measure_curves,
    on_texts,
    perplexity_table,
    replaced_at,
    table_of_parts,
)
from attention_programs.surrogate.windows import Windows, beginnings, cut, of_corpus, texts_of_split
from builders import encoded, heads_table, program_record, texts_from
from conftest import ROOT, SENTENCES

FIRST, EVEN = program_record("text.first_token"), program_record("text.uniform + 0.5 * text.previous_token")
PERCENTS = (0, 50, 100)
ASSIGNMENT = {head: (FIRST, EVEN)[i % 2] for i, head in enumerate(all_heads(3, 4))}


def cache_of(loaded: LoadedModel) -> PatternCache:
    return pattern_cache(loaded)


def log_probabilities(loaded: LoadedModel, ids: list[int]) -> torch.Tensor:
    """Log-probabilities that predict each token: from those before it, or with every seventh masked; by plain loop."""
    with torch.inference_mode():
        if loaded.record.causal:
            return loaded.model(input_ids=torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
        rows: list[torch.Tensor] = [torch.empty(0)] * len(ids)
        for phase in range(MASK_STRIDE):
            blanked = [loaded.tokenizer.mask_token_id if i % MASK_STRIDE == phase else t for i, t in enumerate(ids)]
            found = loaded.model(input_ids=torch.tensor([blanked])).logits[0].double().log_softmax(-1)
            for place in range(phase, len(ids), MASK_STRIDE):
                rows[place] = found[place]
        return torch.stack(rows)


def loss_by_loop(loaded: LoadedModel, ids: list[int]) -> float:
    targets = ids[1:] if loaded.record.causal else ids
    return -sum(float(row[target]) for row, target in zip(log_probabilities(loaded, ids), targets, strict=True))


def test_losses_equal_a_plain_loop_over_tokens(any_model: LoadedModel) -> None:
    texts = encoded(any_model)
    for patch in ({}, ASSIGNMENT):
        with PatchedModel(any_model, patch) as patched:
            found = ids_losses(patched, texts, 2)
            expected = [loss_by_loop(any_model, ids) for ids in texts]
        assert [loss.tokens for loss in found] == [len(t) - any_model.record.causal for t in texts]
        assert [loss.loss_sum for loss in found] == pytest.approx(expected, abs=1e-4)
        total = sum(loss.tokens for loss in found)
        assert perplexity(found) == pytest.approx(np.exp(sum(expected) / total), rel=1e-5)


def test_a_pass_has_fewer_texts_where_their_logits_would_be_too_large(any_model: LoadedModel) -> None:
    texts = encoded(any_model, 5)
    of_text = 4 * max(map(len, texts)) * len(any_model.model.get_input_embeddings().weight)
    for most, size in ((0, 1), (2.5 * of_text, 2), (100 * of_text, 4)):
        batches = in_batches(any_model, texts, 4, int(most))
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        assert [text for batch in batches for text in batch] == texts
    assert in_batches(any_model, [], 4) == []


def test_batches_of_any_size_give_equal_losses(any_model: LoadedModel) -> None:
    texts = encoded(any_model)
    one, many = ids_losses(any_model, texts, 1), ids_losses(any_model, texts, 5)
    assert [loss.loss_sum for loss in one] == pytest.approx([loss.loss_sum for loss in many], abs=1e-4)
    plain = text_losses(any_model, list(SENTENCES), 20)
    assert (plain[0].tokens, plain[0].loss_sum) == (one[0].tokens, one[0].loss_sum)


def test_a_text_of_one_token_has_nothing_to_predict(causal_model: LoadedModel) -> None:
    (loss,) = ids_losses(causal_model, [[7]], 1)
    assert loss == TextLoss(0, 0.0)
    short, long = [7], causal_model.encode(SENTENCES[0], 9)
    both = measure_ablation_effects(causal_model, {Head(1, 1): FIRST}, [short, long], cache_of(causal_model), 2)
    assert both.texts == 1, "the text of one token is left out, not counted as one without any effect"
    assert (
        both.heads
        == measure_ablation_effects(causal_model, {Head(1, 1): FIRST}, [long], cache_of(causal_model), 2).heads
    )
    with pytest.raises(UserError, match="no text has a token to predict, so ablation effects can't be measured"):
        measure_ablation_effects(causal_model, {Head(1, 1): FIRST}, [short], cache_of(causal_model), 2)
    curve = Curve("x", "iou", {100: ASSIGNMENT})
    measured = measure_curves(
        LossMeter(causal_model, Windows([short, long], [0, 1]), 2, cache_of(causal_model)), [curve]
    )
    table = perplexity_table(measured, 50, 0)
    assert np.isfinite(table[["perplexity", "increase"]].to_numpy()).all()
    assert table[["low", "high"]].isna().all(axis=None), "two texts are too few for an interval"
    with pytest.raises(UserError, match="the 1 texts have no token to predict"):
        measure_curves(LossMeter(causal_model, Windows([short], [0]), 2, cache_of(causal_model)), [curve])


@pytest.mark.parametrize("batch_texts", [2, 8])
def test_ablation_effects_equal_patching_the_whole_model(any_model: LoadedModel, batch_texts: int) -> None:
    texts = encoded(any_model)
    some = {head: ASSIGNMENT[head] for head in (Head(0, 1), Head(1, 0), Head(1, 3), Head(2, 2))}
    found = measure_ablation_effects(any_model, some, texts, cache_of(any_model), batch_texts).heads
    assert [ablation_effect.head for ablation_effect in found] == list(some)
    original = [log_probabilities(any_model, ids) for ids in texts]
    before = [loss_by_loop(any_model, ids) for ids in texts]
    for ablation_effect in found:
        with PatchedModel(any_model, {ablation_effect.head: some[ablation_effect.head]}):
            patched = [log_probabilities(any_model, ids) for ids in texts]
            after = [loss_by_loop(any_model, ids) for ids in texts]
        divergences = [
            float((p.exp() * (p - q)).sum(-1).mean()) for p, q in zip(original, patched, strict=True)
        ]  # fmt: skip
        increases = [(a - b) / len(p) for a, b, p in zip(after, before, original, strict=True)]
        assert ablation_effect.ablation_effect == pytest.approx(np.mean(divergences), abs=1e-5)
        assert ablation_effect.standard_error == pytest.approx(
            np.std(divergences, ddof=1) / np.sqrt(len(texts)), abs=1e-5
        )
        assert ablation_effect.loss_increase == pytest.approx(np.mean(increases), abs=1e-5)
        assert ablation_effect.ablation_effect > 1e-6


def test_measuring_ablation_effects_leaves_the_model_as_it_was(any_model: LoadedModel) -> None:
    texts = encoded(any_model)[:2]
    before = ids_losses(any_model, texts, 2)
    measure_ablation_effects(any_model, {Head(2, 0): FIRST}, texts, cache_of(any_model), 2)
    assert ids_losses(any_model, texts, 2) == before


def test_curves_hold_each_share_with_what_it_cost(llama: LoadedModel) -> None:
    texts = encoded(llama) * 2
    backwards = list(ASSIGNMENT)[::-1]
    even = dict.fromkeys(ASSIGNMENT, EVEN)
    curves = [
        Curve("selected", "iou", replaced_at(ASSIGNMENT, list(ASSIGNMENT), PERCENTS)),
        Curve("selected", "ablation_effect", replaced_at(ASSIGNMENT, backwards, PERCENTS)),
        Curve("uniform", "iou", replaced_at(even, list(ASSIGNMENT), PERCENTS)),
    ]
    measured = measure_curves(LossMeter(llama, Windows(texts, list(range(len(texts)))), 2, cache_of(llama)), curves)
    table = perplexity_table(measured, 200, 0)
    assert table["heads_replaced"].tolist() == [0, 6, 12] * 3
    rows = table.set_index(["programs", "ranking", "percent"])
    original = ids_losses(llama, texts, 2)
    with PatchedModel(llama, {}) as patched:
        assert ids_losses(patched, texts, 2) == original
    for kind, ranking in rows.index.droplevel("percent").unique():
        none = rows.loc[(kind, ranking, 0)]
        assert (none["increase"], none["low"], none["high"]) == (0, 0, 0)
        assert none["perplexity"] == pytest.approx(perplexity(original))
    assert rows.loc[("selected", "iou", 100), "increase"] == rows.loc[("selected", "ablation_effect", 100), "increase"]
    assert rows.loc[("selected", "iou", 50), "increase"] != rows.loc[("selected", "ablation_effect", 50), "increase"]
    assert rows.loc[("selected", "iou", 100), "increase"] != rows.loc[("uniform", "iou", 100), "increase"]
    with PatchedModel(llama, {head: ASSIGNMENT[head] for head in backwards[:6]}) as patched:
        half = perplexity(ids_losses(patched, texts, 2))
    row = rows.loc[("selected", "ablation_effect", 50)]
    assert row["perplexity"] == pytest.approx(half, rel=1e-6)
    assert row["increase"] == pytest.approx(100 * (half / perplexity(original) - 1), rel=1e-4)
    assert row["low"] < row["increase"] < row["high"]


def test_the_interval_of_the_increase_is_paired() -> None:
    """Texts differ much in difficulty and little in what replacement costs them, so the interval is narrow."""
    generator = np.random.default_rng(0)
    difficulty = generator.uniform(1, 8, 60)
    original = [TextLoss(10, 10 * d) for d in difficulty]
    patched = [TextLoss(10, 10 * (d + 0.1)) for d in difficulty]
    weights = resample_weights(60, 300, generator)
    interval = increase_interval(original, patched, weights)
    expected = 100 * (np.exp(0.1) - 1)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((expected,) * 3)
    noisy = [TextLoss(10, 10 * (d + 0.1 + e)) for d, e in zip(difficulty, generator.normal(0, 0.05, 60), strict=True)]
    wide = increase_interval(original, noisy, weights)
    assert wide.low < expected < wide.high
    assert wide.high - wide.low < 5


def test_heads_are_taken_from_the_front_of_the_order() -> None:
    ranking = all_heads(2, 5)
    assert heads_at(ranking, 0) == []
    assert heads_at(ranking, 100) == ranking
    assert heads_at(ranking, 30) == ranking[:3]
    assert heads_at(ranking[::-1], 10) == [Head(1, 4)]
    assert heads_at([], 50) == []


def table_of_heads() -> pd.DataFrame:
    iou = {"L0H0": 0.5, "L0H1": 0.7, "L10H0": 0.5, "L2H0": 0.5}
    selected = heads_table("selected", dict.fromkeys(iou, FIRST), iou_validation=[*iou.values()])
    return pd.concat([selected, heads_table("uniform", dict.fromkeys(iou, EVEN), iou_validation=[0.5, 0.3, 0.5, 0.5])])


def test_rankings_go_by_iou_and_by_ablation_effect_with_ties_by_name() -> None:
    table = table_of_heads()
    expected = [Head(0, 1), Head(0, 0), Head(2, 0), Head(10, 0)]
    assert rank_by_iou("selected", table) == expected
    assert rank_by_iou("selected", table.sample(frac=1, random_state=0)) == expected
    assert rank_by_iou("uniform", table)[-1] == Head(0, 1)
    ablation_effects = [
        AblationEffect(head, d, 0.1, 0.0) for head, d in zip(expected, (0.3, 0.1, 0.1, -0.2), strict=True)
    ]
    assert rank_by_ablation_effect(ablation_effects) == [Head(10, 0), Head(0, 0), Head(2, 0), Head(0, 1)]


def test_the_table_of_effects_says_how_reliable_their_ranking_is() -> None:
    effects = SingleEffects(
        [AblationEffect(Head(0, 1), 0.25, 0.125, -0.5), AblationEffect(Head(2, 0), 0.0, 0.0, 0.5)], 32, 0.91
    )
    table = ablation_table(effects)
    assert table["head"].tolist() == ["L0H1", "L2H0"]
    assert table[["texts", "reliability"]].drop_duplicates().to_numpy().tolist() == [[32, 0.91]]


def test_reliability_is_the_agreement_with_as_many_other_texts() -> None:
    """Held to what it stands for: two sets of texts, drawn again, rank the same heads."""
    generator = np.random.default_rng(0)
    true, found, expected = generator.normal(0, 1, 200), [], []
    for _ in range(20):
        one, other = (true[:, None] + generator.normal(0, 3, (200, 24)) for _ in range(2))
        found.append(rank_reliability(one, 20))
        expected.append(spearmanr(one.mean(axis=1), other.mean(axis=1)).statistic)
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.02)
    assert np.isnan(rank_reliability(np.ones((5, 3)))), "too few texts to halve"


def test_assignments_come_from_the_table_of_heads() -> None:
    found = assignment_of("uniform", table_of_heads(), [FIRST, EVEN])
    assert found == dict.fromkeys([Head(0, 0), Head(0, 1), Head(10, 0), Head(2, 0)], EVEN)
    with pytest.raises(UserError, match="no method 'search'; it has selected, uniform"):
        assignment_of("search", table_of_heads(), [FIRST, EVEN])
    with pytest.raises(UserError, match=r"which is not in programs\.jsonl; run `dvc repro select`"):
        assignment_of("uniform", table_of_heads(), [FIRST])


def test_a_program_that_fails_on_a_text_stops_the_measurement(llama: LoadedModel) -> None:
    broken = program_record("0 - 1 * text.self_token")
    with pytest.raises(RuntimeError, match="fails on a text of"), PatchedModel(llama, {Head(0, 0): broken}) as patched:
        ids_losses(patched, encoded(llama), 2)
    assert np.isfinite(perplexity(ids_losses(llama, encoded(llama), 2)))


def test_windows_are_parts_of_the_text_and_count_as_one(any_model: LoadedModel) -> None:
    texts = texts_from([" ".join(SENTENCES[:3]), SENTENCES[3]])
    found = cut(any_model, texts, 12, 3)
    whole = any_model.encode(texts[0].content, 1000)
    opening = any_model.encode("", 12) if any_model.record.causal else []
    own = [piece[len(opening) :] for piece, text in zip(found.ids, found.text_of, strict=True) if text == 0]
    assert all(len(piece) <= 12 for piece in found.ids)
    if any_model.record.causal:
        assert len(own) == 3
        joined = [token for piece in own for token in piece]
        assert joined == whole[len(opening) : len(opening) + len(joined)]
    assert sorted(set(found.text_of)) == [0, 1]
    losses = [TextLoss(number + 1, float(number)) for number in range(len(found.ids))]
    summed = found.by_text(losses)
    assert [loss.tokens for loss in summed] == [
        sum(loss.tokens for loss, text in zip(losses, found.text_of, strict=True) if text == number)
        for number in (0, 1)
    ]


def test_beginnings_are_of_the_same_texts_at_every_length(any_model: LoadedModel) -> None:
    texts = texts_from(["Short.", *SENTENCES])
    found = beginnings(any_model, texts, [12, 5], 2)
    assert list(found) == [5, 12]
    for tokens, windows in found.items():
        assert windows.ids == [any_model.encode(text.content, tokens) for text in texts[1:3]]
        assert {len(ids) for ids in windows.ids} == {tokens}
        assert windows.text_of == [0, 1]
    assert beginnings(any_model, texts, [], 2) == {}
    assert list(beginnings(any_model, texts, [5, 10**9], 2)) == [5], "longer than the model reads"
    assert beginnings(any_model, texts[:1], [12], 2) == {}, "no text is so long"


def test_orders_survive_their_table(tmp_path: Path) -> None:
    heads = list(ASSIGNMENT)
    rankings = {"iou": heads, "ablation_effect": heads[::-1]}
    write_csv(tmp_path / "rankings.csv", ranking_table(rankings))
    assert read_rankings(tmp_path / "rankings.csv") == rankings


def test_the_ranking_that_preserves_the_model_best_is_chosen(llama: LoadedModel, tmp_path: Path) -> None:
    ids = encoded(llama)
    heads = list(ASSIGNMENT)
    settings = ReplacementSettings(batch_texts=2)
    table = compare_rankings(
        llama,
        ASSIGNMENT,
        {"iou": heads, "ablation_effect": heads[::-1]},
        [25, 50],
        Windows(ids, list(range(len(ids)))),
        settings,
        cache_of(llama),
    )
    assert table["percent"].tolist() == [25, 50, 25, 50]
    logs = np.log1p(table["increase_validation"] / 100)
    best = "iou" if logs[:2].sum() < logs[2:].sum() else "ablation_effect"
    assert table["chosen"].tolist() == [best == "iou"] * 2 + [best == "ablation_effect"] * 2
    write_csv(tmp_path / "ranking_choice.csv", table)
    assert chosen_ranking(tmp_path / "ranking_choice.csv") == best


def test_a_percentage_gets_the_coefficients_of_the_next_larger_distilled_one() -> None:
    one, other = Head(0, 0), Head(0, 1)
    programs = [
        replace(FIRST, name=f"{head} {percent}", intended_heads=[str(head)], provenance={"percent": percent})
        for percent, heads in ((25, [one]), (100, [one, other]))
        for head in heads
    ]
    names = {
        percent: [p.name for p in distilled_assignment(heads, programs, percent).values()]
        for percent, heads in ((0, []), (10, [one]), (25, [one]), (26, [one]), (100, [one, other]))
    }
    assert names == {0: [], 10: ["L0H0 25"], 25: ["L0H0 25"], 26: ["L0H0 100"], 100: ["L0H0 100", "L0H1 100"]}
    with pytest.raises(UserError, match="head L0H1 has no program distilled for 25 percent; run `dvc repro distil`"):
        distilled_assignment([one, other], programs, 25)
    with pytest.raises(UserError, match="head L0H0 has no program distilled for 50 percent"):
        distilled_assignment([one], programs[:1], 50)


def test_perplexity_can_be_measured_on_one_corpus() -> None:
    texts = [Text(str(i), corpus, split, "x") for i, (corpus, split) in enumerate(
        [("a", "test"), ("b", "test"), ("a", "train"), ("b", "test")]
    )]  # fmt: skip
    assert [t.key for t in texts_of_split(texts, "test", ReplacementSettings())] == ["0", "1", "3"]
    assert [t.key for t in texts_of_split(texts, "train", ReplacementSettings(corpus="a"))] == ["2"]
    assert [t.key for t in of_corpus(texts, "a")] == ["0", "2"]
    assert of_corpus(texts, "all") == texts
    with pytest.raises(UserError, match="corpus 'c' has no test texts"):
        texts_of_split(texts, "test", ReplacementSettings(corpus="c"))


def test_the_gate_asks_for_the_upper_bound_on_texts_that_chose_nothing() -> None:
    divided = divide_validation(list("abcde"), 0)
    assert (divided.choice, divided.gate) == (["a", "b"], ["c", "d", "e"])
    assert divide_validation(list("abcde"), 4).gate == ["e"]
    with pytest.raises(UserError, match="choice_texts takes 5 of 5 validation texts and leaves none for the gate"):
        divide_validation(list("abcde"), 5)
    near = GateMeasurement(25, 40, 2520, 18.0, 15.0, 20.5)
    assert not near.passes(20), "the estimate is below the limit, the upper end is not"
    assert near.passes(20.5)
    few = GateMeasurement(25, 6, 300, 1.0, math.nan, math.nan)
    assert not few.passes(20)
    assert "6 texts are too few for an interval" in few.verdict(20)


def test_the_gate_survives_its_file(tmp_path: Path) -> None:
    for found in (
        GateMeasurement(25, 40, 2520, 18.0, 15.0, 20.5),
        GateMeasurement(25, 6, 300, 1.0, math.nan, math.nan),
    ):
        write_gate(tmp_path / "gate.json", found)
        assert repr(read_gate(tmp_path / "gate.json")) == repr(found)
    (tmp_path / "gate.json").write_text("[1]")
    with pytest.raises(UserError, match=r"gate\.json is not a measurement of the gate"):
        read_gate(tmp_path / "gate.json")


def test_curves_are_compared_text_by_text_with_the_reference() -> None:
    generator = np.random.default_rng(0)
    original = [TextLoss(10, 10 * d) for d in generator.uniform(1, 8, 30)]

    def worse(by: float) -> list[TextLoss]:
        return [
            TextLoss(10, loss.loss_sum + 10 * by + e)
            for loss, e in zip(original, generator.normal(0, 0.1, 30), strict=True)
        ]

    points = [Point("distilled", "iou", 25, 3, worse(0.1)), Point("selected", "iou", 25, 3, worse(0.3))]
    table = perplexity_table(Measured(original, points), 400, 0, reference="distilled").set_index("programs")
    assert table[["texts", "tokens"]].drop_duplicates().to_numpy().tolist() == [[30, 300]]
    assert table.loc["selected", "above"] == pytest.approx(100 * (np.exp(0.2) - 1), abs=1)
    assert table.loc["selected", "above_low"] < 100 * (np.exp(0.2) - 1) < table.loc["selected", "above_high"]
    assert table.loc["distilled", ["above", "above_low"]].isna().all()


@pytest.mark.parametrize("curve", ["distilled_25", "distilled_100", "selected_25"])
@pytest.mark.parametrize(
    "sizes",
    [
        {"code": 17, "mathematics": 16, "stories": 33},
        {"code": 12, "mathematics": 14, "stories": 14},
        {"stories": 225},
    ],
    ids=["default, gate", "default, test", "benchmark, test"],
)
def test_intervals_of_perplexity_cover(sizes: dict[str, int], curve: str) -> None:
    """At least 93 % hold the true increase, with the losses of real texts and as many of them as profiles measure."""
    assert _coverage(sizes, curve) >= 0.93


def test_intervals_of_the_benchmarks_gate_cover() -> None:
    assert _coverage({"stories": 20}, "distilled_25") >= 0.93


def _coverage(sizes: dict[str, int], curve: str, runs: int = 1000) -> float:
    """Share of intervals that hold the truth, if texts are drawn from the default profile's, so many of each corpus.

    The file has a line for each of 82 test texts: tokens, and the losses of surrogates over the original's, nats.
    """
    table = read_csv(ROOT / "tests/data/text_losses.csv")
    corpora = {name: table[table["corpus"] == name] for name in sizes}
    means = {name: texts[[curve, "tokens"]].mean() * sizes[name] for name, texts in corpora.items()}
    true = 100 * math.expm1(sum(m[curve] for m in means.values()) / sum(m["tokens"] for m in means.values()))
    generator, held = np.random.default_rng(sum(sizes.values())), 0
    weights = resample_weights(sum(sizes.values()), 1000, generator)
    columns = {name: texts[["tokens", curve]].to_numpy() for name, texts in corpora.items()}
    for _ in range(runs):
        drawn = np.vstack([generator.choice(rows, sizes[name]) for name, rows in columns.items()])
        original = [TextLoss(int(tokens), 3.0 * tokens) for tokens, _ in drawn]
        patched = [TextLoss(int(tokens), 3.0 * tokens + extra) for tokens, extra in drawn]
        interval = increase_interval(original, patched, weights)
        held += interval.low <= true <= interval.high
    return held / runs


def test_parts_are_measured_as_if_they_were_alone(llama: LoadedModel) -> None:
    texts = [list(ids) for ids in encoded(llama)]
    curve = Curve("selected", "iou", replaced_at(ASSIGNMENT, list(ASSIGNMENT), PERCENTS))

    def measured(some: list[list[int]]) -> Measured:
        return measure_curves(LossMeter(llama, Windows(some, list(range(len(some)))), 8, cache_of(llama)), [curve])

    whole = measured(texts)
    parts = {"stories": on_texts(whole, [0, 2]), "code": on_texts(whole, [1])}
    table = table_of_parts(parts, "corpus", 50, 0)
    assert table["corpus"].tolist() == ["stories"] * 3 + ["code"] * 3
    for name, some in (("stories", [texts[0], texts[2]]), ("code", [texts[1]])):
        alone = perplexity_table(measured(some), 50, 0)
        own = table[table["corpus"] == name]
        assert own["perplexity"].tolist() == pytest.approx(alone["perplexity"].tolist(), rel=1e-5)
        assert own["tokens"].tolist() == alone["tokens"].tolist()
    assert table_of_parts({}, "corpus", 50, 0).columns.tolist() == table.columns.tolist()


def test_a_table_of_lengths_is_written_with_rounded_numbers(llama: LoadedModel, tmp_path: Path) -> None:
    texts = [list(ids) for ids in encoded(llama)]
    curve = Curve("selected", "iou", replaced_at(ASSIGNMENT, list(ASSIGNMENT), PERCENTS))
    meter = LossMeter(llama, Windows(texts, list(range(len(texts)))), 8, cache_of(llama))
    measured = measure_curves(meter, [curve])
    write_csv(tmp_path / "lengths.csv", table_of_parts({64: measured}, "tokens_per_text", 50, 0))
    numbers = (tmp_path / "lengths.csv").read_text(encoding="utf-8").splitlines()[2].split(",")[6:8]
    assert [len(number.partition(".")[2]) for number in numbers] == [6, 6]
    assert (
        table_of_parts({}, "tokens_per_text", 50, 0).columns.tolist()
        == table_of_parts({64: measured}, "tokens_per_text", 50, 0).columns.tolist()
    )
