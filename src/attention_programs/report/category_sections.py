"""What programs attend to: their categories, and clusters of the patterns that they predict."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from attention_programs.categories.kinds import CATEGORIES
from attention_programs.evidence.conditions import CORRECT
from attention_programs.files import records
from attention_programs.models.head import Head
from attention_programs.models.model_record import ModelRecord
from attention_programs.programs.methods import SELECTED
from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.evidence_captions import CATEGORIES_CAPTION
from attention_programs.report.figures.category_figure import draw_categories
from attention_programs.report.result_tables import Tables
from attention_programs.report.section import Gallery, Section, TableView


def categories_section(tables: Tables, record: ModelRecord | None = None, gallery: Gallery | None = None) -> Section:
    """What heads do, by their programs.

    Args:
        tables: The profile's tables, with categories.
        record: The model, whose layers and heads the map shows; without it there is no map.
        gallery: Saves the map; without one there is none.
    """
    figures = []
    if gallery and record:
        drawn = draw_categories(tables.categories, record.layers, record.heads_per_layer)
        figures = [gallery.add("categories", drawn, CATEGORIES_CAPTION, tables.categories)]
    view = categories_view(tables.categories, tables.heads, tables.effects)
    finding = categories_finding(tables.clusters, tables.cluster_stability)
    return Section("categories", CATEGORIES_CAPTION, finding, figures, view)


def categories_view(categories: pd.DataFrame, heads: pd.DataFrame, effects: pd.DataFrame) -> TableView:
    """One row per category: heads, depth, fit, and the effect of replacing one of its heads by its program."""
    fits = heads[heads["method"] == SELECTED][["head", "iou_test", "sink_excluded_iou_test"]]
    own = effects[effects["replaced_by"] == CORRECT][["head", "ablation_effect"]]
    joined = categories.merge(fits, on="head").merge(own, on="head", how="left")
    joined["layer"] = [Head.parse(str(name)).layer for name in joined["head"]]
    rows = []
    for key, category in CATEGORIES.items():
        some = joined[joined["category"] == key]
        if len(some) or (joined["besides_sink"] == key).any():
            means = [float(some[name].mean()) for name in ("layer", "iou_test", "sink_excluded_iou_test")]
            rows.append(
                [
                    f"{category.label}: {category.attends}",
                    str(len(some)),
                    str(int((joined["besides_sink"] == key).sum())),
                    Estimate(means[0]).number(1),
                    Estimate(means[1]).number(),
                    Estimate(means[2]).number(),
                    Estimate(_median(some["ablation_effect"])).number(4),
                ]
            )
    return TableView(
        (
            "programs that attend",
            "heads",
            "apart from the sink",
            "mean layer",
            "mean IoU",
            "without first column",
            "median effect, nats",
        ),
        rows,
    )


def _median(values: Sequence[float] | pd.Series) -> float:
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    return float(np.median(known)) if len(known) else float("nan")


def categories_finding(clusters: pd.DataFrame, stability: pd.DataFrame) -> str:
    """How many clusters of behaviour are stable, what they are called, and how well they agree with the categories."""
    chosen = stability[stability["chosen"] > 0].iloc[0]
    names = [
        f"{CATEGORIES[row.category].label.lower()} ({row.heads:.0f} heads, {percent_text(Estimate(100 * row.share))} "
        "of them of that category)"
        for row in records(clusters)
        if row.heads > 1
    ]
    alone = len(clusters) - len(names)
    names += [f"and {alone} of a single head"] if alone else []
    return (
        f"Programs clustered by the patterns that they predict: {chosen['clusters']:.0f} clusters are the most stable "
        f"number (adjusted Rand index of two subsamples {chosen['stability']:.2f}), named after their most frequent "
        f"category: {', '.join(names)}. Clusters and categories agree with an adjusted Rand index of "
        f"{clusters['adjusted_rand'].iloc[0]:.2f}."
    )
