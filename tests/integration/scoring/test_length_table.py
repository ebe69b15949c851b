"""The fit by length of text: which texts count, their beginnings mapped as if nothing followed, and the table."""

from typing import Any

import numpy as np
import pytest

from attention_programs.attention.extraction import extract
from attention_programs.attention.pattern_store import AttentionIndex
from attention_programs.config import SandboxSettings, ScoringSettings
from attention_programs.models.head import choose_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.scoring.assignments import score_assignments
from attention_programs.scoring.length_table import LENGTH_COLUMNS, length_table, texts_of_lengths
from attention_programs.surrogate.distilled import Objective, fit_of_objectives
from attention_programs.untrusted.execution import SandboxRunner
from builders import program_record, texts_from
from conftest import SENTENCES

TEXTS = texts_from(["Short.", *SENTENCES[1:]])
SETTINGS = ScoringSettings(lengths=(4, 12), length_texts=3)


def index_of(loaded: LoadedModel) -> AttentionIndex:
    heads = [str(head) for head in choose_heads("all", loaded.record.layers, loaded.record.heads_per_layer)]
    return AttentionIndex(1, loaded.record.name, "", loaded.record.causal, 64, heads, [], loaded.token_style)


def test_beginnings_of_long_texts_are_mapped_as_if_nothing_followed(any_model: LoadedModel) -> None:
    index = index_of(any_model)
    found = dict(texts_of_lengths(any_model, TEXTS, index, SETTINGS))
    assert list(found) == [4, 12]
    for tokens, texts in found.items():
        assert [list(text.ids) for text in texts] == [any_model.encode(text.content, tokens) for text in TEXTS[1:4]]
        for text in texts:
            alone = next(extract(any_model, [[text.ids]], index.head_list))[0]
            assert text.token_strings == alone.token_strings
            np.testing.assert_allclose(text.entries, alone.entries, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({"length_texts": 0}, {4: 4, 12: 4}),
        ({"lengths": (4, 500)}, {}),
        ({"lengths": ()}, {}),
        ({"lengths": (2,), "length_texts": 0}, {2: 5}),
    ],
)
def test_texts_count_that_are_long_enough_for_every_length(
    llama: LoadedModel, options: dict[str, Any], counts: dict[int, int]
) -> None:
    settings = ScoringSettings(**{"lengths": (4, 12), **options})
    found = texts_of_lengths(llama, TEXTS, index_of(llama), settings)
    assert {tokens: len(texts) for tokens, texts in found} == counts


def test_the_table_has_the_mean_fit_of_each_length_and_method(llama: LoadedModel) -> None:
    index = index_of(llama)
    texts = list(texts_of_lengths(llama, TEXTS, index, SETTINGS))
    records = {name: program_record(f"text.{name}", name)
               for name in ("uniform", "first_token")}  # fmt: skip
    methods = {name: dict.fromkeys(index.head_list, record) for name, record in records.items()}
    with SandboxRunner(SandboxSettings(), 1, index.token_style) as runner:
        table = length_table(methods, texts, index, runner, 20, 0)
        assert list(zip(table["tokens"], table["method"], strict=True)) == [
            (4, "uniform"), (4, "first_token"), (12, "uniform"), (12, "first_token"),
        ]  # fmt: skip
        for row in table.itertuples():
            own = score_assignments(methods, dict(texts)[row.tokens], index, runner)[row.method]
            assert (row.texts, row.iou) == (3, pytest.approx(own.iou.mean()))
            assert row.sink_excluded_iou == pytest.approx(own.sink_excluded_iou.mean())
            assert np.isnan([row.low, row.high]).all(), "three texts are too few for an interval"
        nothing = length_table(methods, [], index, runner, 20, 0)
    assert (list(nothing.columns), len(nothing)) == (LENGTH_COLUMNS, 0)


def test_a_share_of_so_few_heads_that_it_rounds_to_none_has_no_fit(llama: LoadedModel) -> None:
    index = index_of(llama)
    texts = dict(texts_of_lengths(llama, TEXTS, index, SETTINGS))[12]
    uniform = program_record("text.uniform")
    one = {index.head_list[0]: uniform}
    with SandboxRunner(SandboxSettings(), 1, index.token_style) as runner:
        scores = score_assignments({"none": {}, "one": one}, texts, index, runner)
        objectives = [Objective(name, percent, heads) for percent, heads in ((25, {}), (100, one)) for name in "ab"]
        fit = fit_of_objectives(objectives, texts, index, runner)
        nothing = fit_of_objectives(objectives[:2], texts, index, runner)
    assert (scores["none"].iou.shape, scores["one"].iou.shape) == ((3, 0), (3, 1))
    assert fit[["objective", "percent", "heads"]].to_numpy().tolist() == [["a", 100, 1], ["b", 100, 1]]
    assert fit["iou_test"].tolist() == pytest.approx([scores["one"].iou.mean()] * 2)
    assert (list(nothing.columns), len(nothing)) == (list(fit.columns), 0)


def test_lengths_that_a_layer_cannot_see_as_a_whole_are_left_out(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ScoringSettings(lengths=(4, 12), length_texts=0)
    monkeypatch.setattr(
        llama.model.config, "layer_types", ["full_attention", "sliding_attention", "full_attention"], False
    )
    monkeypatch.setattr(llama.model.config, "sliding_window", 8, False)
    assert [tokens for tokens, _ in texts_of_lengths(llama, TEXTS, index_of(llama), settings)] == [4]
