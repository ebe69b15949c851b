"""A model's internals: its layers, the module that runs them, and each layer's attention window."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from attention_programs.errors import UserError

ATTENTION_KINDS = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""Kinds of layers with a weight for every token that is seen, as configurations name them."""


def require_attention_alone(config: Any) -> None:
    """Checks that a configuration describes one stack of layers that all attend to the tokens of a text.

    Raises:
        UserError: naming what else it describes.
    """
    if getattr(config, "is_encoder_decoder", False) or hasattr(config, "decoder_layers"):
        raise UserError(
            f"{config.model_type} is an encoder with a decoder, and heads are found in one stack of layers; give an "
            "encoder or a decoder alone"
        )
    if not hasattr(config, "num_hidden_layers"):
        parts = ", ".join(config.sub_configs) or "no language model"
        raise UserError(
            f"{config.model_type} is a model of several parts ({parts}); save its language model by itself, which is "
            "then loaded as another class"
        )
    differing = sorted(set(getattr(config, "per_layer_attributes", None) or ()) - {"head_dim"})
    if differing:
        raise UserError(f"layers differ in {', '.join(differing)}, of which all must have the same; give another model")
    others = sorted(set(getattr(config, "layer_types", None) or ()) - ATTENTION_KINDS)
    if others:
        raise UserError(
            f"some layers are of the kind {', '.join(others)}, which has no weight for each token; give a model "
            "whose layers all attend"
        )


def decoder_layers(model: Any) -> torch.nn.ModuleList:
    """The list of a model's layers.

    Raises:
        UserError: if the model has no list of as many modules as its configuration has layers.
    """
    lists = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    parts = {inner for outer in lists for inner in outer.modules() if inner is not outer}  # such as a layer's experts
    found = [each for each in lists if each not in parts and len(each) == model.config.num_hidden_layers]
    if not found:
        raise UserError(f"{type(model).__name__} has no list with a module for each of its layers")
    return found[0]


@contextmanager
def each_layer(model: Any, hook: Callable[[int, Any], Any]) -> Iterator[None]:
    """Calls ``hook`` with each layer's index and output; a return value other than None replaces the output."""
    handles = [
        layer.register_forward_hook(lambda _module, _args, output, number=number: hook(number, output))
        for number, layer in enumerate(decoder_layers(model))
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def token_stack(model: Any) -> torch.nn.Module:
    """The innermost module that takes token ids and runs the layers.

    This is not always ``model.base_model``: OPT's language model calls the decoder inside it directly.
    """
    layers = decoder_layers(model)
    stack: torch.nn.Module = model
    for module in model.modules():  # outer modules come first
        takes_tokens = "input_ids" in inspect.signature(module.forward).parameters
        if takes_tokens and any(inner is layers for inner in module.modules()):
            stack = module
    return stack


def layer_window(config: Any, layer: int) -> int:
    """How many tokens, itself included, a token sees in a layer; 0 if all.

    Mistral has one window for all layers; Gemma 3, Qwen2, Cohere2 and Llama 4 say for each layer whether it has one.
    """
    kinds = getattr(config, "layer_types", None)
    if kinds is not None and kinds[layer] == "full_attention":
        return 0
    chunk = getattr(config, "attention_chunk_size", None) if kinds is not None else None
    return int(getattr(config, "sliding_window", None) or chunk or 0)


def shortest_window(config: Any) -> int:
    """The shortest window of any layer; 0 if every layer sees all tokens."""
    windows = [layer_window(config, layer) for layer in range(config.num_hidden_layers)]
    return min((window for window in windows if window), default=0)
