"""What an architecture must support for its heads to be explained and replaced, tested before anything is computed.

The test uses a small random model of the same configuration, which takes a second whatever the model's size: every
layer attends, its attention weights can be read, and replaced ones take effect.
"""

import copy
import math
from typing import Any

import torch

from attention_programs.errors import UserError
from attention_programs.models.architecture import decoder_layers
from attention_programs.models.loading import LoadedModel, require_interface
from attention_programs.models.model_record import ModelRecord
from attention_programs.surrogate.identity import identity_of

TOKENS = 12
"""Length of the test text: longer than the small model's window."""
SIZES = {
    **dict.fromkeys(("head_dim", "sliding_window", "attention_chunk_size"), 8),
    **dict.fromkeys(("hidden_size", "embedding_size", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "decoder_ffn_dim", "max_position_embeddings"), 64),
}
"""Sizes of the small model, as far as its configuration has them."""
HEADS = 4
MAX_TOKENS = 1000
"""Number of vocabulary entries that the text is drawn from."""
TOLERANCE = 1e-4
"""Largest logit change that rounding can explain in the small model, which computes in single precision."""


def check_architecture(model: Any, tokenizer: Any) -> None:
    """Checks that a model's heads can be read and replaced.

    Args:
        model: A transformers model; it is not changed.
        tokenizer: Its tokenizer.

    Raises:
        UserError: if not; the message names the architecture and what it does not support.
    """
    require_interface(model)
    decoder_layers(model)
    usable = [number for number in range(min(MAX_TOKENS, len(tokenizer))) if number not in tokenizer.all_special_ids]
    text = [usable[place * len(usable) // TOKENS] for place in range(TOKENS)]
    try:
        small = small_model(model, tokenizer)
        for layer in range(small.record.layers):
            found = identity_of(small, [head for head in small.record.heads if head.layer == layer], [text])
            if found.own > TOLERANCE or not found.proved:
                raise UserError(
                    f"replacing the heads of layer {layer} by their own patterns changes a logit by {found.own:.2g}, "
                    f"by wrong patterns {found.wrong:.2g}"
                )
    except UserError as error:
        raise _refused(model, str(error)) from error
    except Exception as error:  # an architecture with another structure may fail in any way
        raise _refused(model, f"a small model of it fails with {type(error).__name__} ({error})") from error


def _refused(model: Any, reason: str) -> UserError:
    return UserError(
        f"{type(model).__name__} is not supported: {reason}; choose another architecture, such as GPT-2, Llama, Qwen2, "
        "Gemma, Mistral, OPT, GPT-NeoX or BERT"
    )


def small_model(model: Any, tokenizer: Any) -> LoadedModel:
    """A small random model of the same configuration, with all its kinds of layers and the same grouping of heads."""
    config = _small_config(model.config)
    small = type(model)._from_config(config, attn_implementation="eager", dtype=torch.float32)
    generator = torch.Generator().manual_seed(0)
    for parameter in small.parameters():
        if parameter.ndim > 1:  # with the usual small initialisation, attention is almost uniform
            torch.nn.init.normal_(parameter, std=2 / math.sqrt(parameter.shape[-1]), generator=generator)
    small.eval().requires_grad_(False)
    record = ModelRecord.of(small, f"a small {type(model).__name__}", "folder", "")
    return LoadedModel(small, tokenizer, record)


def _small_config(config: Any) -> Any:
    small = copy.deepcopy(config)
    for name, size in SIZES.items():
        if isinstance(getattr(small, name, None), int):
            setattr(small, name, size)
    layers, kinds = config.num_hidden_layers, list(getattr(config, "layer_types", None) or ())
    kept = min(layers, max(2, 1 + max((kinds.index(kind) for kind in set(kinds)), default=0)))
    for name, value in vars(config).items():
        if isinstance(value, list | tuple) and len(value) == layers and layers > kept:
            setattr(small, name, list(value[:kept]))
    small.num_hidden_layers = kept
    small.num_attention_heads = HEADS
    if groups := getattr(config, "num_key_value_heads", None):
        small.num_key_value_heads = max(1, HEADS * groups // config.num_attention_heads)
    return small
