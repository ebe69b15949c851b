"""Soft programs are the programs, gradients reach their constants alone, and distillation keeps predictions better."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from attention_programs.config import DistillationSettings
from attention_programs.heads import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.table import make_record
from attention_programs.programs.view import TokenView
from attention_programs.surrogate.distillation import distil, divergence, intact_log_probabilities
from attention_programs.surrogate.distilled import distilled_programs
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.soft_programs import SoftPrograms, patch_softly
from cases import program
from conftest import SENTENCES

SUMS = (
    "2.0 * text.first_token - 0.5 * text.log_distance",
    "1.5 * text.previous_token + 1.0 * text.query.comma * text.offset(2) + 0.7 * text.key.comma",
)
RECORDS = [make_record(program(f"text.softmax({terms})"), terms, "search", "verified", [], {}) for terms in SUMS]
ASSIGNMENT = {head: RECORDS[i % 2] for i, head in enumerate(all_heads(3, 4))}
SETTINGS = DistillationSettings(steps=24, batch_texts=3, rate=0.1, percents=(100,))


def texts_of(loaded: LoadedModel) -> list[list[int]]:
    return [loaded.encode(text, 20 - 3 * i) for i, text in enumerate(SENTENCES[:4])]


def test_soft_programs_give_the_predictions_of_the_programs(any_model: LoadedModel) -> None:
    texts = texts_of(any_model)
    intact = intact_log_probabilities(any_model, texts)
    soft = SoftPrograms(any_model, ASSIGNMENT)
    some = dict(list(ASSIGNMENT.items())[2:9])
    with PatchedModel(any_model, some), torch.no_grad():
        hard = divergence(any_model, texts, intact)
    with patch_softly(any_model, some, soft):
        found = divergence(any_model, texts, intact)
    assert float(found.detach()) == pytest.approx(float(hard), abs=2e-6)
    assert float(hard) > 1e-5


def test_gradients_reach_the_constants_of_replaced_heads_alone(llama: LoadedModel) -> None:
    texts = texts_of(llama)
    soft = SoftPrograms(llama, ASSIGNMENT)
    chosen = {Head(0, 1): ASSIGNMENT[Head(0, 1)], Head(1, 2): ASSIGNMENT[Head(1, 2)]}
    intact = intact_log_probabilities(llama, texts)
    with patch_softly(llama, chosen, soft):
        torch.autograd.backward(divergence(llama, texts, intact))
    assert soft.constants.grad is not None
    touched = {head for head, row in zip(soft.heads, soft.constants.grad, strict=True) if row.abs().sum() > 0}
    assert touched == set(chosen)
    assert all(parameter.grad is None for parameter in llama.model.parameters())


def test_a_gradient_is_the_slope(llama: LoadedModel) -> None:
    texts, head = texts_of(llama)[:2], Head(1, 0)
    chosen = {head: ASSIGNMENT[head]}
    intact = intact_log_probabilities(llama, texts)

    def at(constant: float) -> torch.Tensor:
        soft = SoftPrograms(llama, chosen)
        with torch.no_grad():
            soft.constants[0, 0] = constant
        with patch_softly(llama, chosen, soft):
            found = divergence(llama, texts, intact)
        torch.autograd.backward(found)
        return torch.stack([found.detach(), soft.constants.grad[0, 0]])

    low, middle, high = at(1.9), at(2.0), at(2.1)
    assert float(middle[1]) == pytest.approx(float(high[0] - low[0]) / 0.2, rel=0.05)


def test_distillation_keeps_predictions_better_and_is_deterministic(llama: LoadedModel) -> None:
    texts = texts_of(llama)
    order = list(ASSIGNMENT)
    runs = [distil(llama, ASSIGNMENT, order, texts, SETTINGS, np.random.default_rng(3)) for _ in range(2)]
    assert runs[0].constants == runs[1].constants
    views = [TokenView(ids, llama.pieces(ids)) for ids in texts]
    distilled = distilled_programs(ASSIGNMENT, runs[0].constants, views, SETTINGS)
    intact = intact_log_probabilities(llama, texts)
    found = []
    for assignment in (ASSIGNMENT, distilled):
        with PatchedModel(llama, assignment), torch.no_grad():
            found.append(float(divergence(llama, texts, intact)))
    assert found[1] < 0.7 * found[0]
    for head, record in distilled.items():
        assert record.provenance["objective"] == "causal"
        assert record.provenance["parent"] == ASSIGNMENT[head].id
        assert record.causal == "verified"


def test_no_steps_leave_the_constants(llama: LoadedModel) -> None:
    found = distil(llama, ASSIGNMENT, [], texts_of(llama), replace(SETTINGS, steps=0), np.random.default_rng(0))
    assert found.constants[Head(0, 0)] == [2.0, -0.5]
    assert found.curve.empty
