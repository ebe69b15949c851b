"""All computations of the stages give the CPU's numbers on another device: a GPU if there is one, a pretended one."""

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from attention_programs.attention.extraction import extract
from attention_programs.attention.packing import Packing
from attention_programs.checkpoint import Checkpoint
from attention_programs.config import DistillationSettings, SynthesisSettings
from attention_programs.models.head import all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.scoring.pairwise import score_pairs
from attention_programs.sparse_search.search import Search, SearchData
from attention_programs.sparse_search.sharing import pairwise_iou
from attention_programs.sparse_search.sink_self_baseline import fit_sink_self
from attention_programs.sparse_search.sparse_programs import search_journal
from attention_programs.surrogate.ablation import measure_ablation_effects
from attention_programs.surrogate.distillation import STATE, Distiller
from attention_programs.surrogate.fisher import iterative_fisher_rankings
from attention_programs.surrogate.identity import identity_of
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.joint_ablation import gate_slopes
from attention_programs.surrogate.losses import batch_losses
from builders import encoded, program_record
from conftest import tiny_model
from pretend_device import PRETENDED, pretended_device

FAMILIES = ("llama", "gpt2", "bert")
SUMS = ("2.0 * text.first_token - 0.5 * text.log_distance", "1.5 * text.previous_token + 0.7 * text.key.comma")
PROGRAMS = [
    *(program_record(f"text.softmax({terms})", terms) for terms in SUMS),
    program_record("text.uniform"),  # not a sum of terms: runs by itself
]
HEADS = all_heads(3, 4)
ASSIGNMENT = {head: PROGRAMS[number % 3] for number, head in enumerate(HEADS)}


@pytest.fixture(params=[PRETENDED, *(["cuda"] if torch.cuda.is_available() else [])])
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Another device than the CPU."""
    with pretended_device() if request.param == PRETENDED else nullcontext():
        yield request.param


def on(device: str, family: str) -> LoadedModel:
    """A tiny model moved to a device."""
    loaded = tiny_model(family)
    return replace(loaded, model=copy.deepcopy(loaded.model).to(device))


def both(device: str, family: str) -> tuple[LoadedModel, LoadedModel]:
    """The model on the CPU and on the device."""
    return tiny_model(family), on(device, family)


@pytest.mark.parametrize("family", FAMILIES)
def test_patterns_and_losses(device: str, family: str) -> None:
    texts = encoded(tiny_model(family), 3)
    for max_rows in (0, 8):
        read = [next(extract(each, [texts], HEADS, max_rows)) for each in both(device, family)]
        for ours, theirs in zip(*read, strict=True):
            np.testing.assert_allclose(theirs.entries, ours.entries, atol=1e-5)
    losses = [[loss.loss_sum for loss in batch_losses(each, texts)] for each in both(device, family)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_replaced_heads_and_their_effects(device: str, family: str) -> None:
    texts = encoded(tiny_model(family), 2)
    found, rankings = [], []
    for loaded in both(device, family):
        some, cache = {head: ASSIGNMENT[head] for head in HEADS[3:6]}, pattern_cache(loaded)
        single = measure_ablation_effects(loaded, some, texts[:2], cache, 1)
        ranked = iterative_fisher_rankings(loaded, some, texts[:2], cache, samples=1, rounds=2, seed=0).iterative
        rankings.append(ranked)
        with PatchedModel(loaded, ASSIGNMENT) as patched:
            losses = [loss.loss_sum for loss in batch_losses(loaded, texts)]
            slopes = gate_slopes(patched, HEADS, np.arange(len(HEADS)) % 2 == 0, texts, "float32")
        found.append((losses, [each.ablation_effect for each in single.heads], slopes))
        assert identity_of(loaded, HEADS, texts[:1]).own < 1e-4
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-6)
    assert sorted(rankings[1]) == sorted(rankings[0])
    assert device != PRETENDED or rankings[1] == rankings[0]  # a GPU draws other samples


def test_generation(device: str) -> None:
    ids = torch.tensor([encoded(tiny_model("llama"), 1)[0]])
    for loaded in both(device, "llama"):
        given = ids.to(loaded.model.device)
        with PatchedModel(loaded, ASSIGNMENT), torch.inference_mode():
            whole = loaded.model(input_ids=given).logits
            cache = loaded.model(input_ids=given[:, :5], use_cache=True).past_key_values
            rest = loaded.model(input_ids=given[:, 5:], past_key_values=cache).logits
        assert torch.allclose(whole[:, 5:].cpu(), rest.cpu(), atol=1e-4)


@pytest.mark.parametrize("memory_mib", [16, 0])
@pytest.mark.slow
def test_distillation_also_when_resumed(device: str, memory_mib: int, tmp_path: Path) -> None:
    settings = DistillationSettings(
        percents=(50, 100), steps=(2, 3), layer_steps=2, batch_texts=2, precision="float32", memory_mib=memory_mib
    )
    texts = encoded(tiny_model("llama"), 4)

    def distiller(loaded: LoadedModel) -> Distiller:
        return Distiller(loaded, ASSIGNMENT, HEADS, texts, texts[:2], settings, np.random.default_rng(3))

    ours, theirs = (distiller(each).run() for each in both(device, "llama"))
    np.testing.assert_allclose(theirs.curve["training"], ours.curve["training"], rtol=1e-3)

    loaded = on(device, "llama")
    killed, left = distiller(loaded), iter(range(6))
    work = killed._error

    def work_or_die(*arguments: Any) -> torch.Tensor:
        if torch.is_grad_enabled() and next(left, None) is None:
            raise KeyboardInterrupt
        return work(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(killed, "_error", work_or_die)
        patched.setattr("attention_programs.surrogate.distillation.SAVE_EVERY", 1)
        with pytest.raises(KeyboardInterrupt):
            killed.run(tmp_path / "progress")
    assert Checkpoint(tmp_path / "progress", killed.fingerprint).load(STATE)["done"] == 2
    resumed = distiller(loaded).run(tmp_path / "progress")
    for percent, heads in theirs.coefficients.items():
        for head, coefficients in heads.items():
            np.testing.assert_allclose(resumed.coefficients[percent][head], coefficients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["llama", "bert"])
@pytest.mark.slow
def test_the_search_also_when_resumed(device: str, family: str, tmp_path: Path) -> None:
    loaded = tiny_model(family)
    texts = [each.halved() for each in next(extract(loaded, [encoded(loaded, 4)[1:]], HEADS[:3], 6))]
    settings = SynthesisSettings(max_terms=3, sizes=(2,), shared=(2,), sample_texts=2, fine_tune_steps=2, swap_rounds=1)
    found = []
    for place in ("cpu", device, device):  # the last one reads what the one before it has kept
        data = SearchData(texts[:2], texts[2:], settings, place)
        search = Search(data, search_journal(Checkpoint(tmp_path / place, ""), place))
        result = search.run()
        assert set(search.share(result, [2])) == {2}
        fit_sink_self(data.sample, data.features, HEADS[:3])
        fits = pairwise_iou(data.sample, result.longest)
        found.append([*[each.iou_validation for each in result.programs], *fits.diagonal()])
    np.testing.assert_allclose(found[1], found[0], atol=5e-3)
    assert found[2] == found[1]


def test_scores(device: str) -> None:
    weights = np.tril(np.random.default_rng(0).random((7, 9, 9)))
    packing = Packing(9, causal=True)
    patterns = packing.pack((weights / weights.sum(-1, keepdims=True)).astype(np.float32))
    ours, theirs = (score_pairs(patterns[:3], patterns[3:], packing.starts, place) for place in ("cpu", device))
    for name, scores in vars(ours).items():
        np.testing.assert_allclose(vars(theirs)[name], scores, atol=1e-4)


def test_the_pretended_device_refuses_what_a_gpu_refuses() -> None:
    with pretended_device() as name:
        there, here = torch.ones(3, device=name), torch.ones(3)
        assert (there + 1).device.type == (there * torch.tensor(2.0)).device.type == name
        assert there[torch.tensor([0, 2])].device.type == name
        with pytest.raises(AssertionError, match="mixes tensors"):
            there + here
        with pytest.raises(AssertionError, match="mixes tensors"):
            here[torch.zeros(2, dtype=torch.long, device=name)]
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        assert there.cpu().numpy().tolist() == here.numpy().tolist()
