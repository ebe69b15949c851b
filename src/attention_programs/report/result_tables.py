"""The tables of ``results/<profile>`` that the report reads."""

from dataclasses import dataclass, fields
from pathlib import Path

import pandas as pd

from attention_programs.errors import UserError
from attention_programs.files import read_csv
from attention_programs.renamed import current_file

ALL_CORPORA = "all"


@dataclass(frozen=True)
class TableFormat:
    """Required columns of a table; there may be further numeric ones, such as those of single corpora."""

    stage: str
    """The stage that writes it."""
    names: tuple[str, ...]
    """Text columns."""
    numbers: tuple[str, ...]
    """Numeric columns."""
    optional: bool = False
    """Whether some profiles lack it."""

    @classmethod
    def of(cls, stage: str, names: str, numbers: str, optional: bool = False) -> "TableFormat":
        """Takes the columns as space-separated strings."""
        return cls(stage, tuple(names.split()), tuple(numbers.split()), optional)


FORMATS = {
    "heads.csv": TableFormat.of(
        "select",
        "head method program_id program_name author",
        "iou_validation iou_test iou_test_low iou_test_high sink_excluded_iou_test jsd_test",
    ),
    "iou.csv": TableFormat.of("select", "method corpus metric", "mean low high"),
    "ablation_effect.csv": TableFormat.of("ablation", "head", "ablation_effect standard_error texts reliability"),
    "objectives.csv": TableFormat.of("distil", "objective", "percent iou_test"),
    "perplexity.csv": TableFormat.of(
        "replace",
        "programs ranking",
        "percent heads_replaced texts tokens perplexity increase low high above above_low above_high",
    ),
    "qa.csv": TableFormat.of(
        "evaluate",
        "task",
        "percent heads_replaced questions sources accuracy low high chance change change_low change_high insensitive",
    ),
    "analyses.csv": TableFormat.of(
        "analyse", "analysis corpus", "programs terms iou_validation iou low high sink_excluded_iou", optional=True
    ),
    "lengths.csv": TableFormat.of("analyse", "method", "tokens texts iou low high sink_excluded_iou", optional=True),
    "behaviour.csv": TableFormat.of("analyse", "head", "distance entropy", optional=True),
    "ranking_choice.csv": TableFormat.of(
        "ablation", "ranking", "percent tokens increase_validation chosen", optional=True
    ),
    "distillation.csv": TableFormat.of("distil", "loss", "percent step training validation", optional=True),
    "sources.csv": TableFormat.of(
        "select",
        "source",
        "programs heads_intended wins_on coverage iou_test iou_test_low iou_test_high beats_search beats_curated "
        "iou_test_intended iou_test_best_of_source iou_test_best_of_all share_intended_is_best iou_test_of_search "
        "terms_best_of_source terms_of_search",
        optional=True,
    ),
    "equal_size.csv": TableFormat.of(
        "analyse",
        "head",
        "terms_by_hand terms_of_search terms_equal_size iou_by_hand iou_of_search iou_equal_size",
        optional=True,
    ),
    "explainer.csv": TableFormat.of(
        "synthesize",
        "head",
        "programs kept_round jsd_first jsd_kept iou_first iou_kept iou_fitted coefficients prompt_tokens "
        "completion_tokens cost",
        optional=True,
    ),
}


def read_table(results: Path, name: str) -> pd.DataFrame:
    """Reads one table of ``results/<profile>``.

    Raises:
        UserError: if it or one of its columns is missing; the message names the stage to run.
    """
    path, form = results / name, FORMATS[name]
    remedy = f"run `dvc repro {form.stage}`"
    if not current_file(path).is_file():
        raise UserError(f"{path} does not exist; {remedy}")
    table = read_csv(path)
    missing = [column for column in (*form.names, *form.numbers) if column not in table]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}; {remedy}")
    for column in table:
        table[column] = table[column].fillna("").astype(str) if column in form.names else table[column].astype(float)
    return table


def read_if_there(results: Path, name: str) -> pd.DataFrame:
    """Reads a table that not every profile has; if it is missing, gives an empty one with the same columns.

    Raises:
        UserError: if a column is missing; the message names the stage to run.
    """
    if current_file(results / name).is_file():
        return read_table(results, name)
    return pd.DataFrame(columns=[*FORMATS[name].names, *FORMATS[name].numbers])


@dataclass(frozen=True)
class Tables:
    """The tables of a profile, one field per file."""

    heads: pd.DataFrame
    iou: pd.DataFrame
    ablation_effect: pd.DataFrame
    objectives: pd.DataFrame
    perplexity: pd.DataFrame
    qa: pd.DataFrame
    analyses: pd.DataFrame
    lengths: pd.DataFrame
    behaviour: pd.DataFrame
    ranking_choice: pd.DataFrame
    distillation: pd.DataFrame
    sources: pd.DataFrame
    equal_size: pd.DataFrame
    explainer: pd.DataFrame

    @classmethod
    def read(cls, results: Path) -> "Tables":
        """Reads ``results/<profile>``; optional tables that are missing are empty.

        Raises:
            UserError: if a required table is missing; the message names the stage to run.
        """
        names = {field.name: f"{field.name}.csv" for field in fields(cls)}
        return cls(
            **{
                field: (read_if_there if FORMATS[name].optional else read_table)(results, name)
                for field, name in names.items()
            }
        )
