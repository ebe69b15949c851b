"""A function of ours in place of a model's attention, with what each layer's modules need to know in it."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from attention_programs.errors import UserError
from attention_programs.models.architecture import decoder_layers

_INSTALLED = "_attention_programs_function"
_PLACE = "_attention_programs_place"


def install(model: Any, name: str, function: Callable[..., Any], places: Sequence[Any]) -> Callable[[], None]:
    """Lets a model compute attention by a function, which gets masks as the architecture's own eager attention does.

    Args:
        model: A transformers model.
        name: The function's name among transformers' implementations.
        function: Called as transformers calls attention functions.
        places: For each layer what :func:`place_of` is to find in its modules; None for nothing.

    Returns:
        What restores the model.

    Raises:
        UserError: if another function is installed.
    """
    if hasattr(model, _INSTALLED):
        raise UserError(
            f"the attention of {type(model).__name__} is already computed by {getattr(model, _INSTALLED)}; "
            "restore the model first"
        )
    layers = decoder_layers(model)
    AttentionInterface.register(name, function)
    AttentionMaskInterface.register(name, eager_mask)
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    setattr(model, _INSTALLED, name)
    modules = []
    for layer, place in zip(layers, places, strict=True):
        if place is not None:
            for module in layer.modules():
                setattr(module, _PLACE, place)
                modules.append(module)

    def restore() -> None:
        for module in modules:
            delattr(module, _PLACE)
        delattr(model, _INSTALLED)
        model.set_attn_implementation(before)

    return restore


def place_of(module: Any) -> Any:
    """What was given for the layer that a module is in, or None."""
    return getattr(module, _PLACE, None)


def own_attention(module: Any) -> Callable[..., Any]:
    """The architecture's own eager attention function."""
    function: Callable[..., Any] = sys.modules[type(module).__module__].eager_attention_forward
    return function
