"""The tables of ``results/<profile>`` that the report reads."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from attention_programs.errors import UserError
from attention_programs.files import read_csv
from attention_programs.renamed import current_file

ALL_CORPORA = "all"


@dataclass(frozen=True)
class TableFormat:
    """What a table holds; it may hold further numbers, such as those of single corpora."""

    stage: str
    """That writes it."""
    names: str
    """Columns of names, separated by spaces."""
    numbers: str
    """Columns of numbers, separated by spaces."""
    optional: bool = False
    """Whether some profiles lack it."""


FORMATS = {
    "heads.csv": TableFormat(
        "select",
        "head method program_id program_name author",
        "iou_validation iou_test iou_test_low iou_test_high sink_excluded_iou_test jsd_test",
    ),
    "iou.csv": TableFormat("select", "method corpus metric", "mean low high"),
    "ablation_effect.csv": TableFormat("ablation", "head", "ablation_effect standard_error texts reliability"),
    "objectives.csv": TableFormat("distil", "objective", "percent iou_test"),
    "perplexity.csv": TableFormat(
        "replace",
        "programs ranking",
        "percent heads_replaced texts tokens perplexity increase low high above above_low above_high",
    ),
    "perplexity_lengths.csv": TableFormat(
        "replace",
        "programs ranking",
        "tokens_per_text percent texts tokens perplexity increase low high",
        optional=True,
    ),
    "perplexity_corpora.csv": TableFormat(
        "replace", "corpus programs ranking", "percent texts tokens perplexity increase low high", optional=True
    ),
    "qa.csv": TableFormat(
        "evaluate",
        "task",
        "percent heads_replaced questions sources accuracy low high chance change change_low change_high insensitive",
    ),
    "qa_controls.csv": TableFormat(
        "evaluate",
        "condition task",
        "percent questions sources accuracy low high change change_low change_high p_value p_corrected",
        optional=True,
    ),
    "analyses.csv": TableFormat(
        "analyse", "analysis corpus", "programs terms iou_validation iou low high sink_excluded_iou", optional=True
    ),
    "lengths.csv": TableFormat("analyse", "method", "tokens texts iou low high sink_excluded_iou", optional=True),
    "behaviour.csv": TableFormat("analyse", "head", "distance entropy", optional=True),
    "ranking_choice.csv": TableFormat(
        "ablation", "ranking", "percent tokens increase_validation chosen", optional=True
    ),
    "categories.csv": TableFormat(
        "categories",
        "head program_id category besides_sink",
        "cluster share_sink share_position share_repetition share_structure share_tokens uniformity",
        optional=True,
    ),
    "clusters.csv": TableFormat("categories", "category", "cluster heads share adjusted_rand", optional=True),
    "cluster_stability.csv": TableFormat("categories", "", "clusters stability spread chosen", optional=True),
    "effects.csv": TableFormat(
        "effects", "head replaced_by", "ablation_effect standard_error loss_increase texts reliability", optional=True
    ),
    "effect_correlations.csv": TableFormat(
        "effects", "replaced_by effect predictor", "heads rank_correlation low high", optional=True
    ),
    "cumulative_correlations.csv": TableFormat(
        "effects", "effect", "heads cumulative_correlation permuted permuted_low permuted_high", optional=True
    ),
    "controls.csv": TableFormat(
        "controls",
        "condition fitted_to",
        "percent heads_replaced draws excepted iou_test texts tokens increase increase_low increase_high lowest "
        "highest above_correct above_correct_low above_correct_high recovered recovered_low recovered_high",
        optional=True,
    ),
    "control_areas.csv": TableFormat(
        "controls",
        "condition fitted_to",
        "draws area area_low area_high above_correct above_correct_low above_correct_high",
        optional=True,
    ),
    "distillation.csv": TableFormat("distil", "loss", "percent step training validation", optional=True),
    "sources.csv": TableFormat(
        "select",
        "source",
        "programs heads_intended wins_on coverage iou_test iou_test_low iou_test_high beats_search beats_curated "
        "iou_test_intended iou_test_best_of_source iou_test_best_of_all share_intended_is_best iou_test_of_search "
        "terms_best_of_source terms_of_search",
        optional=True,
    ),
    "equal_size.csv": TableFormat(
        "analyse",
        "head",
        "terms_by_hand terms_of_search terms_equal_size iou_by_hand iou_of_search iou_equal_size",
        optional=True,
    ),
    "explainer.csv": TableFormat(
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
    names = form.names.split()
    missing = [column for column in (*names, *form.numbers.split()) if column not in table]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}; {remedy}")
    for column in table:
        table[column] = table[column].fillna("").astype(str) if column in names else table[column].astype(float)
    return table


def read_if_there(results: Path, name: str) -> pd.DataFrame:
    """Reads a table that not every profile has; if it is missing, gives an empty one with the same columns.

    Raises:
        UserError: if a column is missing; the message names the stage to run.
    """
    if current_file(results / name).is_file():
        return read_table(results, name)
    return pd.DataFrame(columns=f"{FORMATS[name].names} {FORMATS[name].numbers}".split())


@dataclass(frozen=True)
class Tables:
    """The tables of a profile, one field per file."""

    heads: pd.DataFrame
    iou: pd.DataFrame
    ablation_effect: pd.DataFrame
    objectives: pd.DataFrame
    perplexity: pd.DataFrame
    perplexity_lengths: pd.DataFrame
    perplexity_corpora: pd.DataFrame
    qa: pd.DataFrame
    qa_controls: pd.DataFrame
    analyses: pd.DataFrame
    lengths: pd.DataFrame
    behaviour: pd.DataFrame
    ranking_choice: pd.DataFrame
    distillation: pd.DataFrame
    categories: pd.DataFrame
    clusters: pd.DataFrame
    cluster_stability: pd.DataFrame
    effects: pd.DataFrame
    effect_correlations: pd.DataFrame
    cumulative_correlations: pd.DataFrame
    controls: pd.DataFrame
    control_areas: pd.DataFrame
    sources: pd.DataFrame
    equal_size: pd.DataFrame
    explainer: pd.DataFrame

    @classmethod
    def read(cls, results: Path) -> "Tables":
        """Reads ``results/<profile>``; optional tables that are missing are empty.

        Raises:
            UserError: if a required table is missing; the message names the stage to run.
        """
        readers = {name: read_if_there if form.optional else read_table for name, form in FORMATS.items()}
        return cls(**{name.removesuffix(".csv"): read(results, name) for name, read in readers.items()})
