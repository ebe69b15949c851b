"""The fitted sink + self baseline: for each head, the best mixture of the first token and the token itself."""

import torch

from attention_programs.attention.metrics import iou_of_shared
from attention_programs.models.head import Head
from attention_programs.programs.features import Feature
from attention_programs.programs.methods import BASELINE, FITTED_SINK_SELF
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.sparse_search.design import Design

GRID = tuple(range(0, 101, 5))
"""Weights of the first token that are tried, in percent."""


def sink_self_source(first: int) -> str:
    """A program with ``first`` percent on the first token and the rest on the token itself."""
    return (
        "def program(text):\n"
        f'    """Attends to the first token ({first} %) and to itself ({100 - first} %)."""\n'
        f"    return {first / 100} * text.first_token + {(100 - first) / 100} * text.self_token\n"
    )


def fit_sink_self(train: Design, features: list[Feature], heads: list[Head]) -> list[ProgramRecord]:
    """One record for each share that is the best for some head on train texts."""
    first, own = (features.index(Feature(name)) for name in ("first_token", "self_token"))
    scores = torch.stack([_iou(train, first, own, share / 100) for share in GRID], dim=1)
    best: dict[int, list[str]] = {}
    for head, row in zip(heads, scores, strict=True):
        best.setdefault(GRID[int(row.argmax())], []).append(str(head))
    provenance = {"author": BASELINE, "method": "best share on train, steps of 5 %"}
    return [
        make_record(sink_self_source(share), f"{FITTED_SINK_SELF}_{share}", BASELINE, "prefix_only", names, provenance)
        for share, names in sorted(best.items())
    ]


def _iou(design: Design, first: int, own: int, share: float) -> torch.Tensor:
    """Mean IoU of one mixture with each head's pattern, shape (heads,)."""
    shared = torch.zeros(design.heads, len(design.lengths), device=design.lengths.device)
    for group in design.groups:
        mixture = share * group.features[first].float() + (1 - share) * group.features[own].float()
        shared.index_add_(1, group.text, torch.minimum(group.attention.float(), mixture).sum(-2))
    return iou_of_shared(shared, design.lengths).mean(1)
