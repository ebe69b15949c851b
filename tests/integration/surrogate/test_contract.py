"""Architectures are tested before anything is computed, and a replacement can't be silently without effect."""

import sys
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from attention_programs.errors import UserError
from attention_programs.models.architecture import layer_window, shortest_window, token_stack
from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.surrogate import intervention
from attention_programs.surrogate.contract import check_architecture, small_model
from attention_programs.surrogate.identity import check_identity, identity_of
from attention_programs.surrogate.intervention import PatchedModel
from builders import program_record
from conftest import tiny_model

SIZES = {"vocab_size": 400, "hidden_size": 64, "num_hidden_layers": 8, "num_attention_heads": 8}
COMMON = SIZES | {"intermediate_size": 128, "pad_token_id": 1, "bos_token_id": None, "eos_token_id": None}
GROUPED = COMMON | {"num_key_value_heads": 2}
SUPPORTED: dict[str, dict[str, Any]] = {
    "Llama": GROUPED,
    "Mistral": GROUPED | {"sliding_window": 16},
    "Qwen2": GROUPED | {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 2},
    "Qwen3": GROUPED,
    "Gemma": GROUPED | {"head_dim": 8},
    "Gemma2": GROUPED | {"head_dim": 8},
    "Gemma3": GROUPED | {"head_dim": 8},
    "Cohere2": GROUPED,
    "Llama4": GROUPED | {"head_dim": 8, "num_local_experts": 2},
    "GPTNeoX": COMMON,
    "OPT": SIZES | {"ffn_dim": 128, "word_embed_proj_dim": 64, "pad_token_id": 1},
    "Bert": SIZES | {"intermediate_size": 128, "pad_token_id": 1},
    "Roberta": COMMON | {"max_position_embeddings": 66},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "GPTNeo": ({"vocab_size": 400, "hidden_size": 64, "num_layers": 2, "num_heads": 4,
                "attention_types": [[["global", "local"], 1]]}, "does not use transformers' AttentionInterface"),
    "Albert": (COMMON, "has no list of its 8 layers"),
    "Bart": ({"vocab_size": 400, "d_model": 64, "decoder_layers": 3, "encoder_layers": 3}, "BartForCausalLM is not"),
    "Jamba": (GROUPED | {"num_experts": 2}, "1 of them have attention; models that mix attention"),
    "GptOss": (GROUPED | {"head_dim": 8, "num_local_experts": 4}, "something other than tokens "),
    "MiniMax": (GROUPED | {"num_local_experts": 4}, "MiniMaxForCausalLM is not supported"),
}  # fmt: skip
MASKED = ("Bert", "Roberta", "Albert")
PREVIOUS = program_record("text.previous_token")
DISTANCE = program_record("text.softmax(1.5 * text.first_token - 0.7 * text.log_distance)")


def build(family: str, sizes: dict[str, Any]) -> Any:
    suffix = "ForMaskedLM" if family in MASKED else "ForCausalLM"
    config = getattr(transformers, f"{family}{'Text' if family in ('Gemma3', 'Llama4') else ''}Config")
    torch.manual_seed(0)
    return getattr(transformers, f"{family}{suffix}")(config(**sizes)).eval()


def tokenizer() -> Any:
    return tiny_model("llama").tokenizer


@pytest.mark.parametrize("family", SUPPORTED)
def test_families_that_work_pass(family: str) -> None:
    model = build(family, SUPPORTED[family])
    before = model.config.to_dict()
    check_architecture(model, tokenizer())
    assert model.config.to_dict() == before


@pytest.mark.parametrize("family", REFUSED)
def test_families_that_do_not_are_refused_by_name(family: str) -> None:
    sizes, reason = REFUSED[family]
    model = build(family, sizes)
    with pytest.raises(UserError, match=reason) as refusal:
        check_architecture(model, tokenizer())
    assert type(model).__name__ in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_small_model_has_every_kind_of_layer_and_the_grouping_of_heads() -> None:
    small = small_model(build("Gemma3", SUPPORTED["Gemma3"]), tokenizer())
    config = small.model.config
    assert set(config.layer_types) == {"sliding_attention", "full_attention"}
    assert config.num_attention_heads // config.num_key_value_heads == 4
    assert shortest_window(config) == 8


def test_a_function_that_replaces_nothing_is_found_out(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[type(llama.model).__module__]

    def inert(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return module.eager_attention_forward(layer, *args, **kwargs)

    monkeypatch.setattr(intervention, "_attention", inert)
    ids = torch.tensor([[5, 6, 7]])
    used = r"layer 1 of tiny-llama used its programs' patterns 0 times in a forward pass instead of once"
    with pytest.raises(UserError, match=used), PatchedModel(llama, {Head(1, 2): PREVIOUS}):
        llama.model(input_ids=ids)
    with pytest.raises(UserError, match="used its programs' patterns 0 times"):
        check_identity(llama, [Head(0, 1)])
    with pytest.raises(UserError, match="LlamaForCausalLM is not supported: layer 0"):
        check_architecture(llama.model, llama.tokenizer)


def test_a_function_that_counts_and_replaces_nothing_is_found_out(
    llama: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules[type(llama.model).__module__]
    original = intervention._attention

    def discards(layer: Any, *args: Any, **kwargs: Any) -> Any:
        original(layer, *args, **kwargs)
        return module.eager_attention_forward(layer, *args, **kwargs)

    monkeypatch.setattr(intervention, "_attention", discards)
    assert identity_of(llama, all_heads(3, 4), [[5, 6, 7, 8]]).own == 0
    with pytest.raises(UserError, match="same logits with wrong patterns as with their own"):
        check_identity(llama, all_heads(3, 4))


def test_wrong_patterns_change_what_own_ones_do_not(any_model: LoadedModel) -> None:
    for layer in range(3):
        found = identity_of(any_model, [head for head in all_heads(3, 4) if head.layer == layer], [list(range(5, 22))])
        assert found.own < 1e-5
        assert found.wrong > 1e-3
        assert found.proved


@pytest.mark.parametrize("family", ["Mistral", "Qwen2", "Gemma3", "Cohere2", "Llama4"])
def test_generation_goes_on_beyond_the_window(family: str) -> None:
    """With a cache that keeps the window alone the tokens are those of a model that reads the whole text again."""
    small = small_model(build(family, SUPPORTED[family]), tokenizer())
    model, windows = small.model, [layer_window(small.model.config, layer) for layer in range(small.record.layers)]
    assert 8 in windows
    assignment = {head: (PREVIOUS, DISTANCE)[head.index % 2] for head in small.record.heads if head.index < 3}
    ids = torch.tensor([list(range(5, 17))])
    with torch.inference_mode(), PatchedModel(small, assignment):
        options = {"max_new_tokens": 12, "do_sample": False, "attention_mask": torch.ones_like(ids)}
        cached = model.generate(ids, use_cache=True, **options)
        plain = model.generate(ids, use_cache=False, **options)
        seen = model(input_ids=cached, output_attentions=True).attentions
    assert torch.equal(cached, plain)
    assert cached.shape[1] == 24
    for layer, window in enumerate(windows):
        weights = seen[layer][0, :3]
        np.testing.assert_allclose(weights.sum(-1).numpy(), 1, atol=1e-5)
        if window and family != "Llama4":  # its windows are chunks that begin again
            assert weights.tril(-window).abs().max() == 0
            assert (weights.tril(1 - window).amax(dim=-1)[:, window:] > 0).any()


def test_packed_texts_are_refused(llama: LoadedModel) -> None:
    ids = torch.tensor([[5, 6, 7, 8, 9, 10]])
    with PatchedModel(llama, {Head(0, 0): PREVIOUS}), torch.inference_mode():
        llama.model(input_ids=ids, position_ids=torch.arange(6)[None])
        with pytest.raises(UserError, match="position_ids restart within a row, so texts are packed"):
            llama.model(input_ids=ids, position_ids=torch.tensor([[0, 1, 2, 0, 1, 2]]))


@pytest.mark.parametrize("family", ["llama", "qwen2", "gemma", "gpt2"])
def test_a_static_cache_is_refused_with_the_way_out(family: str) -> None:
    loaded = tiny_model(family)
    ids = torch.tensor([[5, 6, 7]])
    with (
        PatchedModel(loaded, {Head(0, 0): PREVIOUS}),
        pytest.raises(UserError, match="omit cache_implementation"),
        torch.inference_mode(),
    ):
        loaded.model.generate(ids, max_new_tokens=3, cache_implementation="static", do_sample=False)


def test_the_stack_is_where_token_ids_arrive() -> None:
    opt = build("OPT", SUPPORTED["OPT"])
    assert token_stack(opt) is opt.model.decoder
    assert token_stack(tiny_model("llama").model) is tiny_model("llama").model.model
    assert token_stack(tiny_model("bert").model) is tiny_model("bert").model.bert
