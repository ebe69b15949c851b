"""Which tokens of a batch are text, according to the mask and positions that a model is called with."""

from typing import Any

import torch

from attention_programs.errors import UserError


def real_tokens(mask: Any, ids: torch.Tensor) -> torch.Tensor:
    """Which tokens are not padding, shape (batch, tokens so far).

    Raises:
        UserError: if the mask does not have one number per token.
    """
    if mask is None:
        return torch.ones_like(ids, dtype=torch.bool)
    if not isinstance(mask, torch.Tensor) or mask.ndim != 2 or mask.shape[1] < ids.shape[1]:
        found = tuple(mask.shape) if isinstance(mask, torch.Tensor) else type(mask).__name__
        raise UserError(
            f"attention_mask is {found}, but a surrogate needs one number per token, shape (batch, all tokens so far); "
            "omit cache_implementation and custom masks"
        )
    return mask[:, : ids.shape[1]].bool()


def require_one_text_a_row(positions: Any, real: torch.Tensor) -> None:
    """Rejects texts packed into one row, which programs would treat as one text.

    Raises:
        UserError: if positions restart or jump within a row.
    """
    if not isinstance(positions, torch.Tensor) or positions.ndim != 2 or positions.shape[1] < 2:
        return
    both = (real[:, 1:] & real[:, :-1]).to(positions.device)
    if bool(((positions.diff(dim=1) != 1) & both).any()):
        raise UserError("position_ids restart within a row, so texts are packed; give one text per row, padded")
