"""The fitted baseline: for each head the best mixture of the first token and the token itself."""

import numpy as np

from attention_programs.heads import Head
from attention_programs.programs.table import ProgramRecord, make_record
from attention_programs.synthesis.design import Design, mean_iou
from attention_programs.synthesis.features import Feature

GRID = tuple(range(0, 101, 5))
"""Shares of the first token that are tried, in percent."""


def mixture_source(first: int) -> str:
    """The program that gives ``first`` percent to the first token and the rest to the token itself."""
    return (
        "def program(text):\n"
        f'    """Attends to the first token ({first} %) and to itself ({100 - first} %)."""\n'
        f"    return {first / 100} * text.first_token + {(100 - first) / 100} * text.self_token\n"
    )


def fit_mixtures(train: Design, features: list[Feature], heads: list[Head]) -> list[ProgramRecord]:
    """One record for each share that is the best of some head on train texts."""
    first_token = train.features[features.index(Feature("first_token"))]
    self_token = train.features[features.index(Feature("self_token"))]
    scores = np.array(
        [
            [mean_iou(attention, share / 100 * first_token + (1 - share / 100) * self_token, train) for share in GRID]
            for attention in train.attention
        ]
    )
    best: dict[int, list[str]] = {}
    for head, row in zip(heads, scores, strict=True):
        best.setdefault(GRID[int(np.argmax(row))], []).append(str(head))
    return [
        make_record(
            mixture_source(share),
            f"first_self_{share}",
            "baseline",
            "verified",
            names,
            {"author": "baseline", "method": "best share on train, steps of 5 %"},
        )
        for share, names in sorted(best.items())
    ]
