"""Everything that runs a model runs it in single and in both half precisions."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attention_programs.attention.extraction import extract
from attention_programs.attention.pattern_store import read_patterns
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import AttentionSettings, DistillationSettings, EvaluationSettings
from attention_programs.errors import UserError
from attention_programs.evaluation.harness import answer_questions, load_tasks
from attention_programs.files import read_jsonl
from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate.ablation import measure_ablation_effects
from attention_programs.surrogate.distillation import Distiller
from attention_programs.surrogate.fisher import iterative_fisher_rankings
from attention_programs.surrogate.identity import check_identity
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.joint_ablation import rank_by_joint_ablation
from attention_programs.surrogate.loss_meter import LossMeter
from attention_programs.surrogate.losses import perplexity
from attention_programs.surrogate.replacement import Curve, measure_curves, perplexity_table
from attention_programs.surrogate.windows import cut
from builders import program_record, texts_from
from conftest import FAMILIES, ROOT, SENTENCES, tiny_model

DTYPES = ("float32", "bfloat16", "float16")
SUMS = ("2.0 * text.first_token - 0.5 * text.log_distance", "1.5 * text.previous_token + 0.7 * text.key.comma")
RECORDS = [program_record(f"text.softmax({terms})", terms) for terms in SUMS]
ASSIGNMENT = {head: RECORDS[i % 2] for i, head in enumerate(all_heads(3, 4))}
TEXTS = texts_from(SENTENCES, splits=["train"])
SETTINGS = DistillationSettings(steps=(2,), layer_steps=2, percents=(100,), batch_texts=2, check_texts=1)


def in_precision(family: str, dtype: str) -> LoadedModel:
    loaded = tiny_model(family)
    model = copy.deepcopy(loaded.model).to(getattr(torch, dtype))
    return LoadedModel(model, loaded.tokenizer, replace(loaded.record, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_stage_that_runs_the_model_runs(family: str, dtype: str, tmp_path: Path) -> None:
    loaded = in_precision(family, dtype)
    check_identity(loaded, loaded.record.heads)
    extract_to_folder(loaded, TEXTS, AttentionSettings(max_tokens=20), tmp_path)
    for text in read_patterns(tmp_path, ["train"]):
        sums = text.packing.row_sums(text.entries)
        assert np.abs(sums - 1).max() < 5e-3, "rows are right but for the half precision that they are stored in"
    ids = [tuple(loaded.encode(text.content, 20)) for text in TEXTS]
    cache = pattern_cache(loaded)
    single = measure_ablation_effects(loaded, ASSIGNMENT, ids[:2], cache, 2, precision="bfloat16")
    ranked = iterative_fisher_rankings(loaded, ASSIGNMENT, ids[:2], cache, samples=1, rounds=2, seed=0).iterative
    with PatchedModel(loaded, ASSIGNMENT, cache) as patched:
        joint = rank_by_joint_ablation(patched, ranked, ids, 4, 2, "bfloat16", np.random.default_rng(0))
    found = Distiller(loaded, ASSIGNMENT, joint, ids, ids[:1], SETTINGS, np.random.default_rng(0)).run()
    curve = Curve("selected", "joint_ablation", {100: ASSIGNMENT})
    table = perplexity_table(measure_curves(LossMeter(loaded, cut(loaded, TEXTS, 20, 2), 2, cache), [curve]), 20, 0)
    assert set(ranked) == set(joint) == set(ASSIGNMENT)
    assert np.isfinite([each.ablation_effect for each in single.heads]).all()
    assert np.isfinite([coefficients for row in found.coefficients[100].values() for coefficients in row]).all()
    assert np.isfinite(table[["perplexity", "increase"]].to_numpy()).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_questions_are_answered(dtype: str, tmp_path: Path) -> None:
    contents = [row["text"] for row in read_jsonl(ROOT / "corpora" / "stories.jsonl")[:12]]
    stories = texts_from(contents)
    tasks = load_tasks(EvaluationSettings("x", tasks=("verb_agreement",)), stories, tmp_path, seed=0)
    loaded = in_precision("llama", dtype)
    with PatchedModel(loaded, ASSIGNMENT):
        (score,) = answer_questions(loaded.model, loaded.tokenizer, tasks, 4, 4, "bfloat16")
    assert (score.questions, len(score.origins)) == (4, 4)


@pytest.mark.parametrize("family", FAMILIES)
def test_short_passes_measure_what_long_ones_do(family: str) -> None:
    loaded = tiny_model(family)
    curve = Curve("selected", "x", {100: ASSIGNMENT})
    windows, cache = cut(loaded, TEXTS, 20, 2), pattern_cache(loaded)
    exact = measure_curves(LossMeter(loaded, windows, 2, cache), [curve])
    short = measure_curves(LossMeter(loaded, windows, 2, cache, precision="bfloat16"), [curve])
    assert perplexity(short.original) == pytest.approx(perplexity(exact.original), rel=0.01)
    assert perplexity(short.points[0].losses) == pytest.approx(perplexity(exact.points[0].losses), rel=0.01)
    assert perplexity(short.original) != perplexity(exact.original)


@pytest.mark.parametrize(("dtype", "off", "named"), [("float32", 1.004, True), ("bfloat16", 1.004, False),
                                                     ("bfloat16", 0.9, True)])  # fmt: skip
def test_a_row_is_held_to_what_its_precision_can_say(
    dtype: str, off: float, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    loaded = in_precision("llama", dtype)
    module = sys.modules[type(loaded.model).__module__]
    eager = module.eager_attention_forward

    def scaled(*args: Any, **kwargs: Any) -> Any:
        output, weights = eager(*args, **kwargs)
        return output, (weights.float() * off).to(weights.dtype)

    monkeypatch.setattr(module, "eager_attention_forward", scaled)
    if named:
        with pytest.raises(UserError, match=f"more than {dtype} explains"):
            next(extract(loaded, [[[5, 6, 7]]], loaded.record.heads))
    else:
        (patterns,) = next(extract(loaded, [[[5, 6, 7]]], loaded.record.heads))
        np.testing.assert_allclose(np.add.reduceat(patterns.entries, [0, 1, 3], axis=-1), 1, atol=1e-6)


def test_weights_that_are_no_numbers_are_not_called_anything_else() -> None:
    loaded = in_precision("llama", "float32")
    loaded.model.model.layers[1].self_attn.q_proj.weight.data[0] = float("nan")
    with pytest.raises(UserError, match="an attention weight is NaN or infinite; look for NaN"):
        next(extract(loaded, [[[5, 6, 7]]], loaded.record.heads))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_single_weak_head_in_16_bits_is_no_unsupported_architecture(dtype: str) -> None:
    """Its wrong pattern may move logits less than the rounding of its own."""
    loaded = in_precision("llama", dtype)
    weight = loaded.model.model.layers[1].self_attn.o_proj.weight
    weight.data[:, 16:32] *= 0.02
    found = check_identity(loaded, [Head(1, 1)])
    assert found.proved
