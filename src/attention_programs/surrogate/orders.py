"""Which program replaces which head, and which heads go first."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from attention_programs.errors import UserError
from attention_programs.files import read_csv, records
from attention_programs.heads import Head
from attention_programs.programs.table import ProgramRecord
from attention_programs.surrogate.damage import HeadDamage
from attention_programs.surrogate.maps import Assignment


def assignment_of(method: str, heads: pd.DataFrame, programs: Sequence[ProgramRecord]) -> Assignment:
    """The programs that a method chose, from the table of heads.

    Raises:
        UserError: if the table holds no such method or a program is missing.
    """
    by_id = {program.id: program for program in programs}
    rows = heads[heads["method"] == method]
    if rows.empty:
        raise UserError(f"heads.csv has no method {method!r}; it has {', '.join(heads['method'].unique())}")
    missing = set(rows["program_id"]) - set(by_id)
    if missing:
        raise UserError(
            f"heads.csv names program {min(missing)[:10]}, which programs.jsonl lacks; run `dvc repro select`"
        )
    return {Head.parse(row.head): by_id[row.program_id] for row in records(rows)}


def order_by_iou(method: str, heads: pd.DataFrame) -> list[Head]:
    """Heads by descending validation IoU of a method's programs (the paper's order); ties by name."""
    rows = heads[heads["method"] == method]
    ranked = sorted((-row.iou_validation, Head.parse(row.head)) for row in records(rows))
    return [head for _, head in ranked]


def order_by_damage(damages: Sequence[HeadDamage]) -> list[Head]:
    """Heads by ascending damage of their single replacement; ties by name."""
    return [damage.head for damage in sorted(damages, key=lambda d: (d.damage, d.head))]


def read_damages(path: Path) -> list[HeadDamage]:
    """Reads the table of single-head damage.

    Raises:
        UserError: if it is missing.
    """
    return [
        HeadDamage(Head.parse(row.head), float(row.damage), float(row.standard_error), float(row.loss_increase))
        for row in records(read_csv(path))
    ]


def damage_table(damages: Sequence[HeadDamage]) -> pd.DataFrame:
    """One row a head; :func:`read_damages` reads it back."""
    return pd.DataFrame([{**asdict(damage), "head": str(damage.head)} for damage in damages])
