"""Builders of what many tests need a small one of, so that a test states only what it is about."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from attention_programs.config import Config, ModelSettings, from_mapping
from attention_programs.corpora.text import Text, text_key
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.prefix import PrefixVerdict
from attention_programs.programs.record import Author, ProgramRecord, make_record
from attention_programs.scoring.score_table import SplitScores
from cases import program
from conftest import SENTENCES


def program_record(
    expression: str,
    name: str = "",
    author: Author = "search",
    heads: Sequence[str] = (),
    prefix_test: PrefixVerdict = "prefix_only",
    provenance: dict[str, Any] | None = None,
) -> ProgramRecord:
    """The record of a program that returns an expression, named after it unless told otherwise."""
    return make_record(program(expression), name or expression, author, prefix_test, list(heads), provenance or {})


def texts_from(contents: Sequence[str], corpus: str = "stories", splits: Sequence[str] = ("test",)) -> list[Text]:
    """Texts of one corpus; the splits take turns."""
    return [
        Text(text_key(content), corpus, splits[i % len(splits)], content)  # type: ignore[arg-type]
        for i, content in enumerate(contents)
    ]


def encoded(loaded: LoadedModel, count: int = len(SENTENCES)) -> list[tuple[int, ...]]:
    """Token ids of the first sentences, cut at 20, 17, 14 ... tokens."""
    return [tuple(loaded.encode(text, 20 - 3 * i)) for i, text in enumerate(SENTENCES[:count])]


def save_model(loaded: LoadedModel, folder: Path) -> ModelSettings:
    """Writes a model as transformers does, and returns the settings that find it."""
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return ModelSettings(loaded.record.name, "folder", str(folder))


def params_with(**changes: Any) -> dict[str, Any]:
    """The least that ``params.yaml`` may hold, for a project called "mine"; groups that change are given whole."""
    groups = ("attention", "synthesis", "explainer", "sandbox", "scoring", "replacement", "distillation", "tracking")
    least = {
        "profile": "mine",
        "model": {"name": "tiny", "source": "folder", "location": "elsewhere"},
        "corpora": {"name": "own", "sources": [{"name": "stories", "source": "file", "location": "stories.jsonl"}]},
        "evaluation": {"name": "none", "tasks": []},
    }
    return {group: {} for group in (*groups, "report", "reproducibility")} | least | changes


def config_with(**changes: Any) -> Config:
    """Settings of their defaults but for the changes."""
    return from_mapping(Config, params_with(**changes))


def split_scores(programs: Sequence[ProgramRecord], cube: ArrayLike, corpora: Sequence[str]) -> SplitScores:
    """Scores of one split, shape (texts, programs, heads); the other two measures are made up from IoU."""
    iou = np.asarray(cube, dtype=np.float32)
    keys = [f"t{number}" for number in range(len(iou))]
    return SplitScores(keys, list(corpora), [program.id for program in programs], iou, iou / 2, iou**2)


def heads_table(method: str, chosen: dict[str, ProgramRecord], **iou: ArrayLike) -> pd.DataFrame:
    """Rows of ``heads.csv``: the program that a method gives each head; other measures follow from the IoU on test."""
    programs = list(chosen.values())
    table = pd.DataFrame({"head": list(chosen), "method": method}).assign(
        program_id=[each.id for each in programs],
        program_name=[each.name for each in programs],
        author=[each.author for each in programs],
        **({"iou_validation": 0.5, "iou_test": 0.5} | iou),
    )
    fit = table["iou_test"]
    return table.assign(iou_test_low=fit - 0.1, iou_test_high=fit + 0.1, sink_excluded_iou_test=0.2, jsd_test=0.3)
