"""Curated programs against the search's programs with as many terms, on test texts."""

from collections.abc import Sequence

import pandas as pd

from attention_programs.attention.pattern_store import AttentionIndex, TextAttention
from attention_programs.models.head import Head
from attention_programs.programs.parser import summands
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.runner import Runner
from attention_programs.scoring.assignments import Assignment, score_assignments

COLUMNS = (
    *("head", "terms_by_hand", "terms_of_search", "terms_equal_size"),
    *("iou_by_hand", "iou_of_search", "iou_equal_size"),
)


def compare_equal_size(
    equal_size: Sequence[ProgramRecord],
    programs: Sequence[ProgramRecord],
    searched: Assignment,
    texts: Sequence[TextAttention],
    index: AttentionIndex,
    runner: Runner,
) -> pd.DataFrame:
    """One row per head: terms and mean IoU of its curated program, the search's best, and the search's of equal size.

    Args:
        equal_size: The search's programs of the same size as the curated ones, each for one head.
        programs: The program table, with the curated programs.
        searched: The search's best program for every head.
        texts: Test texts.
        index: The patterns' index.
        runner: Runs the programs.

    Returns:
        The table in the order of ``equal_size``; empty if that is empty.
    """
    by_hand = {
        Head.parse(head): program for program in programs if program.author == "curated"
        for head in program.intended_heads
    }  # fmt: skip
    own_heads = [(Head.parse(program.intended_heads[0]), program) for program in equal_size]
    longer = {head: program for head, program in own_heads if head in by_hand}
    compared = {
        "by_hand": {head: by_hand[head] for head in longer},
        "of_search": {head: searched[head] for head in longer},
        "equal_size": longer,
    }
    scores = score_assignments(compared, texts, index, runner) if longer else {}
    table = {"head": [str(head) for head in longer]}
    terms = {f"terms_{name}": [summands(each) for each in own.values()] for name, own in compared.items()}
    return pd.DataFrame(
        table | terms | {f"iou_{name}": own.iou.mean(axis=0) for name, own in scores.items()}, columns=list(COLUMNS)
    )
