"""Positions of the tokens of padded texts."""

import inspect
from typing import Any

import torch


def position_inputs(model: Any, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    """Each token's position, as generation gives it; nothing for models that derive it from the attention mask.

    Args:
        model: A transformers model.
        mask: 1 where a token is, 0 in padding, shape (batch, places).

    Returns:
        ``position_ids`` of the mask's shape, or nothing.
    """
    own = any(name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None
              for name, module in model.named_modules())  # fmt: skip
    takes = "position_ids" in inspect.signature(model.forward).parameters
    return {"position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0)} if takes and not own else {}
