"""Soft programs equal the programs, gradients reach only their coefficients, distillation preserves predictions."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attention_programs.checkpoint import Checkpoint
from attention_programs.config import DistillationSettings
from attention_programs.errors import UserError
from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.view import TokenView
from attention_programs.scoring.assignments import Assignment
from attention_programs.surrogate import original_predictions
from attention_programs.surrogate.distillation import STATE, Distillation, Distiller, frozen, on_device
from attention_programs.surrogate.distillation_state import DistillationState
from attention_programs.surrogate.distilled import distilled_programs
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.layer_matching import layer_error, layer_outputs
from attention_programs.surrogate.losses import predictions
from attention_programs.surrogate.original_predictions import (
    OriginalPredictions,
    divergence,
    original_log_probabilities,
)
from attention_programs.surrogate.soft_programs import SoftPrograms, TermValues, patch_softly
from builders import encoded, program_record

SUMS = (
    "2.0 * text.first_token - 0.5 * text.log_distance",
    "1.5 * text.previous_token + 1.0 * text.query.comma * text.offset(2) + 0.7 * text.key.comma",
)
RECORDS = [program_record(f"text.softmax({terms})", terms) for terms in SUMS]
ASSIGNMENT = {head: RECORDS[i % 2] for i, head in enumerate(all_heads(3, 4))}
SETTINGS = DistillationSettings(
    steps=(12, 24), layer_steps=8, rate=0.1, batch_texts=3, percents=(50, 100), precision="float32", check_every=8
)


def distiller(loaded: LoadedModel, settings: DistillationSettings = SETTINGS) -> Distiller:
    texts, generator = encoded(loaded, 4), np.random.default_rng(3)
    return Distiller(loaded, ASSIGNMENT, list(ASSIGNMENT), texts, texts[:2], settings, generator)


def divergence_with(loaded: LoadedModel, assignment: Assignment) -> float:
    texts = encoded(loaded, 4)
    original = original_log_probabilities(loaded, texts)
    with PatchedModel(loaded, assignment), torch.no_grad():
        return float(divergence(loaded, texts, original))


def test_soft_programs_give_the_predictions_of_the_programs(any_model: LoadedModel) -> None:
    texts = encoded(any_model, 4)
    original = original_log_probabilities(any_model, texts)
    soft = SoftPrograms(any_model, ASSIGNMENT)
    some = dict(list(ASSIGNMENT.items())[2:9])
    with PatchedModel(any_model, some), torch.no_grad():
        hard = divergence(any_model, texts, original)
    with patch_softly(any_model, some, soft):
        found = divergence(any_model, texts, original)
    assert float(found.detach()) == pytest.approx(float(hard), abs=2e-6)
    assert float(hard) > 1e-5


def test_beyond_the_limit_on_memory_values_are_computed_once_for_all_layers_of_a_batch(
    causal_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[tuple[int, ...]] = []
    compute = TermValues._compute

    def counting(values: TermValues, text: tuple[int, ...]) -> torch.Tensor:
        computed.append(text)
        return compute(values, text)

    monkeypatch.setattr(TermValues, "_compute", counting)
    texts = encoded(causal_model, 4)
    soft = SoftPrograms(causal_model, ASSIGNMENT, memory_mib=0)
    for batch in (texts[:2], texts[2:], texts[:2]):
        original = original_log_probabilities(causal_model, batch)
        with patch_softly(causal_model, ASSIGNMENT, soft):
            torch.autograd.backward(divergence(causal_model, batch, original))
    assert computed == [*texts, *texts[:2]]


def test_gradients_reach_only_the_coefficients_of_replaced_heads(llama: LoadedModel) -> None:
    texts = encoded(llama, 4)
    soft = SoftPrograms(llama, ASSIGNMENT)
    chosen = {Head(0, 1): ASSIGNMENT[Head(0, 1)], Head(1, 2): ASSIGNMENT[Head(1, 2)]}
    original = original_log_probabilities(llama, texts)
    with patch_softly(llama, chosen, soft):
        torch.autograd.backward(divergence(llama, texts, original))
    assert soft.coefficients.grad is not None
    touched = {head for head, row in zip(soft.heads, soft.coefficients.grad, strict=True) if row.abs().sum() > 0}
    assert touched == set(chosen)
    assert all(parameter.grad is None for parameter in llama.model.parameters())


def test_a_gradient_is_the_slope(llama: LoadedModel) -> None:
    texts, head = encoded(llama, 4)[:2], Head(1, 0)
    chosen = {head: ASSIGNMENT[head]}
    original = original_log_probabilities(llama, texts)

    def at(coefficient: float) -> torch.Tensor:
        soft = SoftPrograms(llama, chosen)
        with torch.no_grad():
            soft.coefficients[0, 0] = coefficient
        with patch_softly(llama, chosen, soft):
            found = divergence(llama, texts, original)
        torch.autograd.backward(found)
        return torch.stack([found.detach(), soft.coefficients.grad[0, 0]])

    low, middle, high = at(1.9), at(2.0), at(2.1)
    assert float(middle[1]) == pytest.approx(float(high[0] - low[0]) / 0.2, rel=0.05)


def test_patterns_of_a_layer_at_a_time_give_the_same_loss_and_gradient(any_model: LoadedModel) -> None:
    texts = encoded(any_model, 4)
    original = original_log_probabilities(any_model, texts)
    found = []
    for mib in (16, 0):
        soft = SoftPrograms(any_model, ASSIGNMENT, memory_mib=mib)
        assert soft.fit_at_once(texts, len(ASSIGNMENT)) == bool(mib)
        with patch_softly(any_model, ASSIGNMENT, soft):
            error = divergence(any_model, texts, original)
        torch.autograd.backward(error)
        found.append((error.detach(), soft.coefficients.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-7)
    assert found[0][1].abs().max() > 1e-4


def test_the_divergence_and_its_gradient_are_those_of_all_texts_at_once(llama: LoadedModel) -> None:
    texts = encoded(llama, 4)
    (before,) = original_log_probabilities(llama, texts)
    found = []
    for together in (True, False):
        soft = SoftPrograms(llama, ASSIGNMENT)
        with patch_softly(llama, ASSIGNMENT, soft):
            if together:
                (pass_,) = predictions(llama, texts)
                each = (before.exp() * (before - pass_.logits.log_softmax(dim=-1))).sum(dim=-1)
                error = (each * pass_.counted).sum() / pass_.counted.sum()
            else:
                error = divergence(llama, texts, [before])
        torch.autograd.backward(error)
        found.append((error.detach(), soft.coefficients.grad))
    assert all(map(torch.equal, *found))


def test_values_that_are_kept_give_the_patterns_of_those_that_are_not(any_model: LoadedModel) -> None:
    texts, heads = encoded(any_model, 4), list(ASSIGNMENT)
    kept, iterative = (SoftPrograms(any_model, ASSIGNMENT, memory_mib=mib) for mib in (16, 0))
    first = kept.patterns(texts, heads)
    assert torch.equal(first, kept.patterns(texts, heads))
    assert torch.equal(first, iterative.patterns(texts, heads))
    cache = pattern_cache(any_model)
    for row, text in enumerate(texts):
        for place, head in enumerate(heads):
            found = first[place, row, : len(text), : len(text)].detach().numpy()
            assert np.abs(found - cache.get(text, ASSIGNMENT[head])).max() < 1e-3
            assert not first[place, row, len(text) :].any()


def test_original_predictions_are_those_of_the_model(any_model: LoadedModel) -> None:
    texts = encoded(any_model, 4)
    known = OriginalPredictions(any_model, texts)
    for _ in range(2):
        for found, right in zip(
            known.log_probabilities(texts), original_log_probabilities(any_model, texts), strict=True
        ):
            for row, text in enumerate(texts):
                places = len(text) - any_model.record.causal
                assert torch.allclose(found[row, :places], right[row, :places], atol=1e-5)


def test_what_is_kept_does_not_depend_on_what_is_asked_for_first(
    any_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(original_predictions, "RUN_TEXTS", 2)
    texts = encoded(any_model, 4)
    forwards, backwards = OriginalPredictions(any_model, texts), OriginalPredictions(any_model, texts)
    first = {text: forwards.log_probabilities([text]) for text in texts}
    for text in texts[::-1]:
        for one, other in zip(first[text], backwards.log_probabilities([text]), strict=True):
            assert torch.equal(one, other)


def test_texts_of_one_token_teach_nothing_and_are_left_out(
    causal_model: LoadedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="no text of the batch has a token to predict"):
        divergence(causal_model, [(7,), (8,)], original_log_probabilities(causal_model, [(7,), (8,)]))
    texts = [*encoded(causal_model, 4), (7,), (8,), (9,)]
    ranking = list(ASSIGNMENT)
    found = Distiller(causal_model, ASSIGNMENT, ranking, texts, [(5,)], SETTINGS, np.random.default_rng(0)).run()
    assert np.isfinite([value for rows in found.coefficients[100].values() for value in rows]).all()
    assert "distillation: 3 of 7 texts have only one token and are left out" in capsys.readouterr().err


def test_what_the_optimiser_remembers_follows_the_model_to_its_device() -> None:
    moments = {"step": torch.tensor(3.0), "exp_avg": torch.ones(2, 3), "exp_avg_sq": torch.ones(2, 3)}
    moved = on_device(moments, torch.device("meta"))
    assert {name: value.device.type for name, value in moved.items()} == {
        "step": "cpu", "exp_avg": "meta", "exp_avg_sq": "meta",
    }  # fmt: skip


def test_a_layer_is_fitted_on_the_original_layers_below(any_model: LoadedModel) -> None:
    texts = encoded(any_model, 4)
    outputs = layer_outputs(any_model, texts)
    soft = SoftPrograms(any_model, ASSIGNMENT)
    last = {head: program for head, program in ASSIGNMENT.items() if head.layer == 2}
    alone = {}
    for name, chosen in (("last", last), ("all", ASSIGNMENT)):
        with patch_softly(any_model, chosen, soft) as patched:
            alone[name] = layer_error(patched, texts, outputs)
    torch.autograd.backward(alone["last"])
    grad = soft.coefficients.grad
    assert grad is not None
    assert {h for h, row in zip(soft.heads, grad, strict=True) if row.abs().sum() > 0} <= set(last)
    assert 0 < float(alone["last"].detach()) < float(alone["all"].detach())
    with patch_softly(any_model, {}, soft) as patched:
        assert float(layer_error(patched, texts, outputs)) == pytest.approx(0, abs=1e-10)


def test_distillation_keeps_predictions_better_and_is_deterministic(llama: LoadedModel) -> None:
    texts = encoded(llama, 4)
    runs = [distiller(llama).run() for _ in range(2)]
    assert runs[0].coefficients == runs[1].coefficients
    views = [TokenView(ids, llama.token_strings(ids)) for ids in texts]
    for percent, limit in ((50, 0.9), (100, 0.7)):
        before = {head: ASSIGNMENT[head] for head in list(ASSIGNMENT)[: round(12 * percent / 100)]}
        found = distilled_programs(before, percent, runs[0].coefficients[percent], views, SETTINGS)
        assert divergence_with(llama, found) < limit * divergence_with(llama, before)
        for head, record in found.items():
            made = record.provenance
            assert (made["objective"], made["percent"], made["parent"]) == (
                "output_kl_loss",
                percent,
                ASSIGNMENT[head].id,
            )
            assert record.prefix_test == "prefix_only"


def test_the_curve_holds_every_step_and_some_checks(llama: LoadedModel) -> None:
    curve = distiller(llama).run().curve
    assert curve.groupby(["loss", "percent"])["training"].count().to_dict() == {
        ("layer_output", 100): 8, ("output_kl", 50): 12, ("output_kl", 100): 24,
    }  # fmt: skip
    checked = curve.dropna(subset="validation")
    assert checked.groupby("percent")["step"].apply(list).to_dict() == {50: [0, 8, 12], 100: [0, 8, 16, 24]}
    assert checked.groupby("percent")["validation"].apply(lambda v: v.iloc[-1] < v.iloc[0]).all()


class Killed(Exception):
    pass


@pytest.mark.parametrize("steps_before", [10, 15, 31])
def test_a_killed_run_goes_on_as_if_unbroken(
    llama: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps_before: int
) -> None:
    unbroken = distiller(llama).run()
    killed, left = distiller(llama), iter(range(steps_before))
    work = killed._error

    def work_or_die(*arguments: Any) -> torch.Tensor:
        if torch.is_grad_enabled() and next(left, None) is None:
            raise Killed
        return work(*arguments)

    monkeypatch.setattr(killed, "_error", work_or_die)
    path = tmp_path / "distillation"
    with pytest.raises(Killed):
        killed.run(path)
    assert Checkpoint(path, killed.fingerprint).has(STATE)
    again = distiller(llama)
    before = again._error
    done: list[str] = []
    monkeypatch.setattr(again, "_error", lambda *a: (done.append(a[0]), before(*a))[1])
    found = again.run(path)
    assert found.coefficients == unbroken.coefficients
    assert found.curve.equals(unbroken.curve)
    assert done.count("layer_output") < SETTINGS.layer_steps
    assert not path.exists()


def test_a_checkpoint_of_other_settings_is_left_aside(llama: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "distillation"
    other = distiller(llama, replace(SETTINGS, rate=0.2))
    checkpoint = Checkpoint(path, other.fingerprint)
    checkpoint.save(STATE, DistillationState(torch.zeros(12, 3), done=5).tensors)
    assert DistillationState.of(checkpoint.load(STATE)).done == 5
    assert distiller(llama).run(path).coefficients == distiller(llama).run().coefficients
    checkpoint.save(STATE, {})
    checkpoint.file(STATE).write_bytes(b"half a file")
    assert not checkpoint.load(STATE)


def test_a_models_own_parameters_get_no_gradient_and_keep_their_mark(llama: LoadedModel) -> None:
    first, second, *_ = llama.model.parameters()
    first.requires_grad_(True)
    try:
        with frozen(llama.model):
            assert not any(parameter.requires_grad for parameter in llama.model.parameters())
        assert first.requires_grad
        assert not second.requires_grad
        distiller(llama, replace(SETTINGS, steps=(1, 1), layer_steps=1)).run()
        assert first.grad is None
    finally:
        first.requires_grad_(False)


def test_no_steps_leave_the_coefficients(llama: LoadedModel) -> None:
    found = distiller(llama, replace(SETTINGS, steps=(0, 0), layer_steps=0, check_texts=0)).run()
    assert found.coefficients[100][Head(0, 0)] == [2.0, -0.5]
    assert list(found.coefficients[50]) == list(ASSIGNMENT)[:6]
    assert found.curve.empty


def test_shorter_numbers_lead_to_nearly_the_same(llama: LoadedModel) -> None:
    def last(found: Distillation) -> float:
        return float(found.curve["validation"].dropna().iloc[-1])

    exact, short = (last(distiller(llama, replace(SETTINGS, precision=p)).run()) for p in ("float32", "bfloat16"))
    assert short == pytest.approx(exact, rel=0.25)
