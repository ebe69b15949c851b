"""Layers whose heads are all replaced compute no queries and keys, and nothing else changes."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from attention_programs.errors import UserError
from attention_programs.files import read_csv
from attention_programs.models.architecture import decoder_layers
from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.report.architectures import YES
from attention_programs.surrogate import intervention
from attention_programs.surrogate.contract import outcomes
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.skipped_projections import query_and_key
from attention_programs.surrogate.small_model import small_model
from builders import program_record
from conftest import ROOT, tiny_model
from families import FAMILIES, Family

COMPUTED = {"GPT-2", "GPT-BigCode", "GPT-NeoX", "Phi-3", "ModernBERT", "DeepSeek-V2", "DeepSeek-V3", "Gemma 3n"}
"""One module computes more than queries or keys, or other layers read the keys."""
FOUND = read_csv(ROOT / "results" / "architectures.csv")
SUPPORTED = set(FOUND["family"][(FOUND["property"] == "padding") & (FOUND["float16"] == YES)])
IDS = torch.tensor([list(range(5, 25))])
PROGRAM = program_record("text.softmax(1.5 * text.first_token - 0.7 * text.log_distance)")
LAYER = {head: PROGRAM for head in all_heads(2, 4) if head.layer == 1}


def logits(loaded: LoadedModel) -> torch.Tensor:
    with torch.inference_mode():
        return loaded.model(input_ids=IDS).logits


def operations(loaded: LoadedModel) -> int:
    """How many floating-point operations the matrix products of a pass take."""
    with FlopCounterMode(display=False) as counter:
        logits(loaded)
    return counter.get_total_flops()


@pytest.mark.parametrize("family", [each for each in FAMILIES if each.name in SUPPORTED], ids=lambda each: each.name)
def test_products_for_queries_and_keys_are_left_out_and_logits_are_the_same(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = small_model(family.kind(), family.configuration(), tiny_model("llama").tokenizer)
    skipped = query_and_key(decoder_layers(loaded.model)[1], loaded.model.config)
    assert len(skipped) == (0 if family.name in COMPUTED else 2)
    with PatchedModel(loaded, LAYER):
        fast, few = logits(loaded), operations(loaded)
    monkeypatch.setattr(intervention, "query_and_key", lambda *_: [])
    with PatchedModel(loaded, LAYER):
        assert torch.equal(logits(loaded), fast)
        assert operations(loaded) - few == sum(2 * IDS.shape[1] * each.weight.numel() for each in skipped)


def test_layers_that_are_replaced_in_part_compute_everything(llama: LoadedModel) -> None:
    own = operations(llama)
    with PatchedModel(llama, {Head(1, index): PROGRAM for index in range(3)}):
        assert not any("forward" in vars(module) for module in llama.model.modules())
        part = operations(llama)
    assert part > own, "the replaced heads' outputs come on top"


def test_gates_have_queries_and_keys_to_blend(llama: LoadedModel) -> None:
    own = logits(llama)
    with PatchedModel(llama, LAYER) as patched:
        replaced = logits(llama)
        with patched.gated({head: torch.zeros(1) for head in LAYER}):
            torch.testing.assert_close(logits(llama), own, rtol=0, atol=1e-5)
        assert torch.equal(logits(llama), replaced)


def test_the_original_model_computes_them_again(llama: LoadedModel) -> None:
    own = logits(llama)
    with PatchedModel(llama, LAYER) as patched:
        replaced = logits(llama)
        with patched.suspended():
            assert torch.equal(logits(llama), own)
        assert torch.equal(logits(llama), replaced)
    assert torch.equal(logits(llama), own)
    assert not any("forward" in vars(module) for module in llama.model.modules())


def test_another_replacement_of_a_projection_is_put_back(llama: LoadedModel) -> None:
    """As libraries that move weights between devices make it."""
    projection = decoder_layers(llama.model)[1].self_attn.q_proj
    original = projection.forward
    projection.forward = other = lambda inputs: 2 * original(inputs)
    try:
        with PatchedModel(llama, LAYER):
            assert projection.forward is not other
        assert projection.forward is other
    finally:
        del projection.forward


def test_a_cache_without_keys_is_not_read_in_silence(llama: LoadedModel) -> None:
    with torch.inference_mode(), PatchedModel(llama, LAYER) as patched:
        cache = llama.model(input_ids=IDS[:, :5], use_cache=True).past_key_values
        assert cache.layers[1].keys.isnan().all()
        assert cache.layers[0].keys.isfinite().all()
        with (
            patched.gated({head: torch.zeros(1) for head in LAYER}),
            pytest.raises(UserError, match="lacks the keys of replaced heads, which gates need"),
        ):
            llama.model(input_ids=IDS[:, 5:6], past_key_values=cache)
        with patched.gated({head: torch.zeros(1) for head in LAYER}):
            full = llama.model(input_ids=IDS[:, :5], use_cache=True).past_key_values
            assert llama.model(input_ids=IDS[:, 5:6], past_key_values=full).logits.isfinite().all()
        with patched.suspended():
            assert llama.model(input_ids=IDS[:, 5:6], past_key_values=cache).logits.isnan().all()


def test_an_architecture_that_reads_them_elsewhere_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        intervention, "query_and_key", lambda layer, _: [layer.self_attn.q_proj, layer.self_attn.v_proj]
    )
    family = next(family for family in FAMILIES if family.name == "Llama")
    *_, last = outcomes(family.kind(), family.configuration(), tiny_model("llama").tokenizer, "float32")
    assert (last.name, "changes a logit by nan" in last.reason) == ("identity", True)
