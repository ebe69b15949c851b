"""Ablated heads: zero and mean outputs equal those put into the output projection by hand."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from attention_programs.files import read_csv
from attention_programs.models.architecture import decoder_layers
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.report.architectures import YES
from attention_programs.surrogate.constant_output import ConstantOutput, zero_outputs
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.mean_outputs import mean_outputs
from attention_programs.surrogate.small_model import small_model
from builders import encoded, program_record
from conftest import ROOT, tiny_model
from families import FAMILIES, Family

PROJECTIONS = {"llama": "self_attn.o_proj", "qwen2": "self_attn.o_proj", "gemma": "self_attn.o_proj",
               "gpt2": "attn.c_proj", "bert": "attention.output.dense"}  # fmt: skip
FOUND = read_csv(ROOT / "results" / "architectures.csv")
SUPPORTED = set(FOUND["family"][(FOUND["property"] == "padding") & (FOUND["float16"] == YES)])
HEADS = (Head(0, 1), Head(1, 0), Head(1, 3), Head(2, 2))
PROGRAM = program_record("text.softmax(1.5 * text.first_token - 0.7 * text.log_distance)")


def projection(loaded: LoadedModel, layer: int) -> Any:
    family = loaded.record.name.removeprefix("tiny-")
    return decoder_layers(loaded.model)[layer].get_submodule(PROJECTIONS[family])


def with_inputs(
    loaded: LoadedModel, change: Callable[[int, torch.Tensor], torch.Tensor], ids: torch.Tensor
) -> torch.Tensor:
    """The logits if what goes into every layer's output projection, shape (batch, tokens, heads, d), is changed."""

    def hook(layer: int) -> Callable[..., Any]:
        def changed(_module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            heads = inputs[0].unflatten(-1, (loaded.record.heads_per_layer, -1))
            return (change(layer, heads.clone()).flatten(-2),)

        return changed

    handles = [
        projection(loaded, layer).register_forward_pre_hook(hook(layer)) for layer in range(loaded.record.layers)
    ]
    try:
        with torch.no_grad():
            return loaded.model(input_ids=ids).logits
    finally:
        for handle in handles:
            handle.remove()


def patched_logits(loaded: LoadedModel, replaced: Any, ids: torch.Tensor) -> torch.Tensor:
    with PatchedModel(loaded, replaced), torch.no_grad():
        return loaded.model(input_ids=ids).logits


def test_zero_ablation_zeroes_what_goes_into_the_projection(any_model: LoadedModel) -> None:
    ids = torch.tensor([encoded(any_model)[0]])

    def zeroed(layer: int, heads: torch.Tensor) -> torch.Tensor:
        heads[:, :, [head.index for head in HEADS if head.layer == layer]] = 0
        return heads

    expected = with_inputs(any_model, zeroed, ids)
    found = patched_logits(any_model, zero_outputs(any_model, HEADS), ids)
    assert torch.allclose(found, expected, atol=1e-5)
    assert not torch.allclose(found, any_model.model(input_ids=ids).logits, atol=1e-3)


def test_mean_outputs_are_means_over_all_tokens_whatever_the_batches(any_model: LoadedModel) -> None:
    texts = encoded(any_model, 4)
    collected: dict[int, list[torch.Tensor]] = {layer: [] for layer in range(3)}

    def collect(layer: int, heads: torch.Tensor) -> torch.Tensor:
        collected[layer].append(heads[0].clone())
        return heads

    for text in texts:
        with_inputs(any_model, collect, torch.tensor([text]))
    for batch in (1, 3):
        found = mean_outputs(any_model, texts, batch)
        assert set(found) == set(any_model.record.heads)
        for head, constant in found.items():
            expected = torch.cat(collected[head.layer]).mean(dim=0)[head.index]
            assert torch.allclose(constant.vector, expected, atol=1e-5)


def test_programs_and_constants_share_a_layer(any_model: LoadedModel) -> None:
    ids = torch.tensor([encoded(any_model)[0]])
    means = mean_outputs(any_model, encoded(any_model, 3), 2)
    programs = {Head(1, 1): PROGRAM, Head(1, 2): PROGRAM}
    constants = {head: means[head] for head in HEADS}

    def put(layer: int, heads: torch.Tensor) -> torch.Tensor:
        for head in HEADS:
            if head.layer == layer:
                heads[:, :, head.index] = means[head].vector
        return heads

    with PatchedModel(any_model, programs):
        expected = with_inputs(any_model, put, ids)
    assert torch.allclose(patched_logits(any_model, programs | constants, ids), expected, atol=1e-5)


@pytest.mark.parametrize("family", [each for each in FAMILIES if each.name in SUPPORTED], ids=lambda each: each.name)
def test_every_supported_family_can_be_ablated(family: Family) -> None:
    loaded = small_model(family.kind(), family.configuration(), tiny_model("llama").tokenizer)
    ids = torch.tensor([list(range(5, 25))])
    means = mean_outputs(loaded, [tuple(range(5, 25)), tuple(range(30, 42))], 2)
    with torch.no_grad():
        original = loaded.model(input_ids=ids).logits
    for replaced in (means, zero_outputs(loaded, loaded.record.heads)):
        found = patched_logits(loaded, replaced, ids)
        assert torch.isfinite(found).all()
        assert not torch.allclose(found, original, atol=1e-4)
    with torch.no_grad():
        assert torch.equal(loaded.model(input_ids=ids).logits, original), "the model is as before"


def test_constants_are_known_by_their_values() -> None:
    first, again, other = (ConstantOutput(torch.tensor([value, 2.0])) for value in (1.0, 1.0, 1.5))
    assert first.id == again.id
    assert first.id != other.id
