"""Architectures are tested before anything is computed, and a replacement can't be silently without effect."""

import sys
from typing import Any

import pytest
import torch
import transformers

from attention_programs.errors import UserError
from attention_programs.models.architecture import require_attention_alone, shortest_window, token_stack
from attention_programs.models.head import Head, all_heads
from attention_programs.models.loading import LoadedModel, load_weights
from attention_programs.surrogate import contract, intervention
from attention_programs.surrogate.contract import check_architecture
from attention_programs.surrogate.identity import check_identity, identity_of
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.small_model import small_model
from builders import program_record
from conftest import tiny_model
from families import FAMILIES, Family

SIZES = {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
COMMON = SIZES | {"intermediate_size": 64, "pad_token_id": 1, "bos_token_id": None, "eos_token_id": None}
T5 = {"vocab_size": 400, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "GPTNeo": ("ForCausalLM", {"vocab_size": 400, "hidden_size": 64, "num_layers": 2, "num_heads": 4,
               "attention_types": [[["global", "local"], 1]]}, "does not use transformers' AttentionInterface"),
    "Albert": ("ForMaskedLM", COMMON, "has no list with a module for each of its layers"),
    "Bart": ("ForCausalLM", {"vocab_size": 400, "d_model": 64, "decoder_layers": 3}, "an encoder with a decoder"),
    "T5": ("ForConditionalGeneration", T5, "an encoder with a decoder"),
    "Jamba": ("ForCausalLM", COMMON | {"num_experts": 2, "num_key_value_heads": 4},
              "some layers are of the kind linear_attention"),
    "Bert": ("LMHeadModel", COMMON, "tokens attend to later ones, but a class of causal models was asked for"),
    "GptOss": ("ForCausalLM", COMMON | {"head_dim": 8, "num_local_experts": 4}, "something other than tokens "),
}  # fmt: skip
PREVIOUS = program_record("text.previous_token")


def build(family: str, suffix: str, sizes: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**sizes)
    return getattr(transformers, f"{family}{suffix}")(config).eval()


def tokenizer() -> Any:
    return tiny_model("llama").tokenizer


def small(name: str, **options: Any) -> LoadedModel:
    family = next(family for family in FAMILIES if family.name == name)
    family = Family(name, family.config, family.model, family.options | options)
    return small_model(family.kind(), family.configuration(), tokenizer())


@pytest.mark.parametrize("family", ["llama", "gpt2", "bert"])
def test_the_trial_leaves_the_model_and_the_random_numbers_as_they_are(family: str) -> None:
    loaded = tiny_model(family)
    config, state = loaded.model.config.to_dict(), torch.get_rng_state()
    check_architecture(loaded.model, loaded.tokenizer)
    assert loaded.model.config.to_dict() == config
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("family", REFUSED)
def test_families_that_do_not_work_are_refused_by_name(family: str) -> None:
    suffix, sizes, reason = REFUSED[family]
    model = build(family, suffix, sizes)
    with pytest.raises(UserError, match=reason) as refusal:
        check_architecture(model, tokenizer())
    assert type(model).__name__ in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_precision_of_the_weights_is_tried_too(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    tried, outcomes = [], contract.outcomes
    monkeypatch.setattr(contract, "outcomes", lambda *args: (tried.append(args[-1]), outcomes(*args))[1])
    monkeypatch.setattr(type(llama.model), "dtype", torch.float16)
    check_architecture(llama.model, llama.tokenizer)
    assert tried == ["float32", "float16"]


def test_whatever_fails_in_the_trial_ends_in_one_line(llama: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise KeyError("a thing\nof two lines")

    monkeypatch.setattr(type(llama.model), "generate", fails)
    with pytest.raises(UserError, match=r"Llama\S+ is not supported: the test of its generation fails with KeyError"):
        check_architecture(llama.model, llama.tokenizer)


@pytest.mark.parametrize("name", ["T5", "Gemma 3 with images", "Jamba"])
def test_what_is_no_single_stack_is_refused_before_its_weights_are_read(name: str, tmp_path: Any) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    family.configuration().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"an encoder with a decoder|of several parts \(text_config|linear_attention"):
        load_weights(str(tmp_path), "copy it")


def test_layers_of_different_numbers_of_heads_are_refused() -> None:
    with pytest.raises(UserError, match="layers differ in num_key_value_heads"):
        require_attention_alone(transformers.Gemma4TextConfig(num_global_key_value_heads=1, attention_k_eq_v=True))


@pytest.mark.parametrize("name", ["Llama", "Gemma 3", "Gemma 4", "Cohere2", "Mixtral", "Llama 4", "DeepSeek-V3"])
def test_the_small_model_is_small_and_has_every_kind_of_layer(name: str) -> None:
    family = next(family for family in FAMILIES if family.name == name)
    config, found = family.configuration(), small(name).model
    assert sum(parameter.numel() for parameter in found.parameters()) < 2e5
    assert found.config.num_hidden_layers <= 4
    assert set(getattr(found.config, "layer_types", ())) == set(getattr(config, "layer_types", ()))
    assert shortest_window(found.config) == (8 if shortest_window(config) else 0)


@pytest.mark.parametrize(("heads", "groups", "kept"), [(32, 8, 1), (8, 4, 2), (9, 3, 1), (16, 12, 2), (71, 71, 4)])
def test_the_small_model_groups_heads_as_nearly_as_it_can(heads: int, groups: int, kept: int) -> None:
    sizes = {"num_attention_heads": heads, "num_key_value_heads": groups, "hidden_size": 64 * heads}
    config = small("Llama", **sizes).model.config
    assert (config.num_attention_heads, config.num_key_value_heads) == (4, kept)


@pytest.mark.parametrize(
    ("name", "rope"),
    [
        ("Phi-3", {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}),
        ("Llama", {"rope_type": "llama3", "rope_theta": 5e5, "factor": 32.0, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}),
        ("DeepSeek-V3", {"rope_type": "yarn", "rope_theta": 1e4, "factor": 40.0, "mscale": 1.0, "mscale_all_dim": 1.0}),
    ],
)  # fmt: skip
def test_rotary_embeddings_of_every_kind_fit_into_the_small_heads(name: str, rope: dict[str, Any]) -> None:
    ids = torch.tensor([[5, 6, 7]])
    assert torch.isfinite(small(name, rope_parameters=rope).model(input_ids=ids).logits).all()


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
    some = [head for head in all_heads(3, 4) if head.index < 3]
    assert identity_of(llama, some, [[5, 6, 7, 8]]).own == 0
    with pytest.raises(UserError, match="same logits with wrong patterns as with their own"):
        check_identity(llama, some)
    with pytest.raises(UserError, match="changes a logit by nan"):  # their queries and keys are not computed
        check_identity(llama, all_heads(3, 4))


def test_wrong_patterns_change_what_own_ones_do_not(any_model: LoadedModel) -> None:
    for layer in range(3):
        found = identity_of(any_model, [head for head in all_heads(3, 4) if head.layer == layer], [list(range(5, 22))])
        assert found.own < 1e-5
        assert found.wrong > 1e-3
        assert found.proved


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
    opt = small("OPT").model
    assert token_stack(opt) is opt.model.decoder
    assert token_stack(tiny_model("llama").model) is tiny_model("llama").model.model
    assert token_stack(tiny_model("bert").model) is tiny_model("bert").model.bert
