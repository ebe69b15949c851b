"""The Fisher estimate is the curvature of the divergence, and rankings follow it."""

import numpy as np
import pytest
import torch

from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate import intervention
from attention_programs.surrogate.fisher import fisher_effects, iterative_fisher_rankings
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.joint_ablation import gate_slopes, rank_by_joint_ablation
from attention_programs.surrogate.original_predictions import divergence, original_log_probabilities
from attention_programs.surrogate.soft_programs import SoftPrograms, patch_softly
from builders import encoded, program_record
from conftest import tiny_model

SOURCES = ("text.softmax(2.0 * text.first_token)", "text.previous_token", "text.uniform")
RECORDS = [program_record(source) for source in SOURCES]
ASSIGNMENT = {head: RECORDS[i % 3] for i, head in enumerate(all_heads(3, 4))}


def gates(batch: int, value: float, only: Head | None = None) -> dict[Head, torch.Tensor]:
    return {head: torch.full((batch,), value if only in (None, head) else 0.0) for head in ASSIGNMENT}


def test_closed_gates_are_the_original_model_and_open_ones_the_patched(any_model: LoadedModel) -> None:
    texts = encoded(any_model, 4)
    original = original_log_probabilities(any_model, texts)
    with torch.no_grad(), PatchedModel(any_model, ASSIGNMENT) as patched:
        whole = divergence(any_model, texts, original)
        with patched.gated(gates(len(texts), 0.0)):
            assert float(divergence(any_model, texts, original)) == pytest.approx(0, abs=1e-6)
        with patched.gated(gates(len(texts), 1.0)):
            assert torch.allclose(divergence(any_model, texts, original), whole, atol=1e-6)
        assert torch.equal(divergence(any_model, texts, original), whole)


def test_the_estimate_is_the_curvature_of_the_divergence(llama: LoadedModel) -> None:
    texts, step = encoded(llama, 4), 0.3
    original = original_log_probabilities(llama, texts)
    with PatchedModel(llama, ASSIGNMENT) as patched:
        found = fisher_effects(patched, [], texts, 4, 400, torch.Generator().manual_seed(0))
        for head in list(ASSIGNMENT)[::5]:
            with torch.no_grad(), patched.gated(gates(len(texts), step, head)):
                measured = float(divergence(llama, texts, original)) / step**2
            assert found[head] == pytest.approx(measured, rel=0.25)


def test_the_iterative_ranking_is_of_all_heads_and_deterministic(llama: LoadedModel) -> None:
    texts = encoded(llama, 4)
    runs = [iterative_fisher_rankings(llama, ASSIGNMENT, texts, pattern_cache(llama), 20, 3, seed=1) for _ in range(2)]
    assert runs[0] == runs[1]
    first, greedy = runs[0].first, runs[0].iterative
    assert sorted(first) == sorted(greedy) == sorted(ASSIGNMENT)
    assert first[:4] == greedy[:4]


def test_an_estimate_knows_which_heads_are_replaced_already(llama: LoadedModel) -> None:
    with PatchedModel(llama, ASSIGNMENT) as patched:
        alone, among = (
            fisher_effects(patched, taken, encoded(llama, 4), 4, 40, torch.Generator().manual_seed(0))
            for taken in ([], list(ASSIGNMENT)[:8])
        )
    last = list(ASSIGNMENT)[-1]
    assert among[last] != pytest.approx(alone[last], rel=1e-3)


def test_the_mean_slope_of_a_gate_is_nearly_what_opening_it_costs(llama: LoadedModel) -> None:
    texts = encoded(llama, 4)
    original = original_log_probabilities(llama, texts)
    for head in list(ASSIGNMENT)[::5]:
        with PatchedModel(llama, {head: ASSIGNMENT[head]}) as patched:
            ends = [gate_slopes(patched, [head], np.array([gate]), texts, "float32")[0] for gate in (False, True)]
            with torch.no_grad():
                cost = float(divergence(llama, texts, original))
        assert ends[0] == pytest.approx(0, abs=1e-6)
        assert np.mean(ends) == pytest.approx(cost, rel=0.5)


def test_the_joint_ablation_ranking_is_of_all_heads_and_deterministic(llama: LoadedModel) -> None:
    texts, first = encoded(llama, 4), list(ASSIGNMENT)
    runs = []
    for seed in (1, 1, 2):
        with PatchedModel(llama, ASSIGNMENT) as patched:
            runs.append(rank_by_joint_ablation(patched, first, texts, 8, 2, "float32", np.random.default_rng(seed)))
    assert runs[0] == runs[1]
    assert sorted(runs[0]) == sorted(runs[2]) == sorted(ASSIGNMENT)
    assert runs[0] != first


@pytest.mark.parametrize("family", ["llama", "gpt2", "bert"])
def test_attention_that_is_computed_again_for_the_gradient_changes_nothing(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = tiny_model(family)
    texts, heads = encoded(loaded, 4), list(ASSIGNMENT)
    some = {head: ASSIGNMENT[head] for head in heads if head.layer != 1}  # the layer between keeps its heads
    found, computed = [], []
    compute = intervention._computed
    monkeypatch.setattr(intervention, "_computed", lambda *a, **k: computed.append(1) or compute(*a, **k))
    for largest in (2**24, 0):
        monkeypatch.setattr(intervention, "LARGEST_KEPT", largest)
        with PatchedModel(loaded, some) as patched:
            estimate = fisher_effects(patched, heads[:2], texts, 4, 2, torch.Generator().manual_seed(0))
            slopes = gate_slopes(patched, list(some), np.arange(len(some)) % 2 == 0, texts, "float32")
        found.append((list(estimate.values()), slopes.tolist(), len(computed)))
    assert found[1][:2] == found[0][:2]
    assert found[1][2] > 2 * found[0][2]  # layers were computed again


def test_soft_patterns_that_are_computed_again_change_nothing(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, programs = encoded(llama, 4), dict.fromkeys(list(ASSIGNMENT)[:7], RECORDS[0])
    original, found = original_log_probabilities(llama, texts), []
    for largest in (2**24, 0):
        monkeypatch.setattr(intervention, "LARGEST_KEPT", largest)
        soft = SoftPrograms(llama, programs, memory_mib=0)
        with patch_softly(llama, programs, soft):
            error = divergence(llama, texts, original)
        torch.autograd.backward(error)
        found.append((error.detach(), soft.coefficients.grad))
    assert all(map(torch.equal, *found))
