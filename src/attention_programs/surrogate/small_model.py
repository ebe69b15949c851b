"""A small random model of another model's configuration, on which its architecture is tried in a moment."""

import contextlib
import copy
import math
from typing import Any

import torch

from attention_programs.models.loading import LoadedModel
from attention_programs.models.model_record import ModelRecord

WINDOW = 8
"""Window of the small model's layers that have one."""
HEADS, HEAD_SIZE = 4, 8
SIZES = {
    **dict.fromkeys(("head_dim", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), HEAD_SIZE),
    **dict.fromkeys(("qk_head_dim", "kv_lora_rank", "q_lora_rank"), 2 * HEAD_SIZE),
    **dict.fromkeys(("hidden_size", "embedding_size", "word_embed_proj_dim"), HEADS * HEAD_SIZE),
    **dict.fromkeys(("intermediate_size", "intermediate_size_mlp", "ffn_dim", "n_inner", "hidden_dim"), 64),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "hidden_size_per_layer_input"), 32),
    **dict.fromkeys(("sliding_window", "attention_chunk_size"), WINDOW),
    "max_position_embeddings": 64,
    "attn_logit_softcapping": 1.0,  # low enough to change every weight
    # Every token goes to every expert: a choice of experts would make rounding differences large.
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "top_k_experts"), 4),
    **dict.fromkeys(("n_group", "topk_group", "first_k_dense_replace"), 1),
}
"""Sizes of the small model, as far as its configuration has them."""
SPREAD = 2.0
"""Scale of the weights, without which attention would be almost uniform."""


def small_model(kind: Any, config: Any, tokenizer: Any, precision: str = "float32") -> LoadedModel:
    """A small random model with all of a configuration's kinds of layers and its grouping of heads.

    Args:
        kind: The transformers class of the model.
        config: The configuration of a model of any size; it is not changed.
        tokenizer: The model's tokenizer.
        precision: The data type of the weights, which are drawn in single precision and rounded.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = kind._from_config(_small_config(config), attn_implementation="eager", dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        drawn = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim > 1:
            parameter.data = SPREAD / math.sqrt(parameter.shape[-1]) * drawn
        else:  # biases and norms, which begin at 0 and at 1
            parameter.data += drawn / 10
    model.to(getattr(torch, precision)).eval().requires_grad_(False)
    if model.can_generate():
        model.generation_config.eos_token_id = None  # generation goes on to the length that is asked for
    return LoadedModel(model, tokenizer, ModelRecord.of(model, f"a small {kind.__name__}", "folder", ""))


def _small_config(config: Any) -> Any:
    small = copy.deepcopy(config)
    if getattr(small, "is_heterogeneous", False):  # heads of several sizes
        small.per_layer_config = None
    for name, size in SIZES.items():
        current = getattr(small, name, None)
        if isinstance(current, list):  # one size for each layer
            setattr(small, name, [size] * len(current))
        elif isinstance(current, int | float):
            with contextlib.suppress(AttributeError):  # a property that follows from other sizes
                setattr(small, name, size)
    layers = config.num_hidden_layers
    kinds = list(getattr(config, "layer_types", None) or ())
    kept = sorted({kinds.index(kind) for kind in kinds} | set(range(min(layers, 2))))
    if getattr(config, "num_kv_shared_layers", 0):  # the last layers take the keys and values of earlier ones
        small.num_kv_shared_layers, kept = len(kept), kept * 2
    for name, value in list(vars(small).items()):
        if isinstance(value, list | tuple) and len(value) == layers:
            setattr(small, name, [value[layer] for layer in kept])
    small.num_hidden_layers = len(kept)
    small.num_attention_heads = HEADS
    if groups := getattr(config, "num_key_value_heads", None):
        share = HEADS * groups / config.num_attention_heads
        small.num_key_value_heads = max(count for count in (1, HEADS // 2, HEADS) if count <= max(share, 1))
    small.rope_parameters = _cut_rope(getattr(config, "rope_parameters", None))
    return small


def _cut_rope(parameters: Any) -> Any:
    """Rotary parameters with as many factors (LongRoPE has one for each frequency) as small heads have frequencies."""
    if not isinstance(parameters, dict):
        return parameters
    frequencies = int(HEAD_SIZE * (parameters.get("partial_rotary_factor") or 1)) // 2
    return {
        name: value[:frequencies] if isinstance(value, list) else _cut_rope(value) for name, value in parameters.items()
    }
