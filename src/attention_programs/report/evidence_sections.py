"""The evidence: wrong programs beside the right ones, answers, what fit predicts, and the categories of programs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from attention_programs.categories.kinds import CATEGORIES
from attention_programs.evidence.conditions import (
    BY_ATTENTION,
    BY_PREDICTIONS,
    CONDITIONS,
    CORRECT,
    DRAWN,
    MEAN,
    WITHIN_LAYER,
    ZERO,
)
from attention_programs.evidence.predictors import PREDICTORS
from attention_programs.files import records
from attention_programs.models.head import Head
from attention_programs.models.model_record import ModelRecord
from attention_programs.programs.methods import FIRST_TOKEN, SELECTED
from attention_programs.report.answer_sections import answers_section
from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.evidence_captions import CATEGORIES_CAPTION, CONTROLS, EFFECTS
from attention_programs.report.figures.category_figure import draw_categories
from attention_programs.report.figures.controls_figure import draw_controls
from attention_programs.report.figures.effects_figure import draw_effects
from attention_programs.report.result_tables import Tables
from attention_programs.report.section import Gallery, Section, TableView, in_words

REPLACEMENTS = {CORRECT: "program", MEAN: "mean output", ZERO: "zero output"}
"""What single heads are replaced by in ``effects.csv``."""


def evidence_sections(
    tables: Tables, record: ModelRecord | None = None, asked: Sequence[str] = (), gallery: Gallery | None = None
) -> list[Section]:
    """The sections of what was measured.

    Args:
        tables: The profile's tables.
        record: The model, whose layers and heads the map shows; without it there is no map.
        asked: The profile's tasks; those without answers are named.
        gallery: Saves the figures; without one there are none.
    """
    found = []
    if len(tables.controls):
        own, figures = tables.controls, []
        if gallery:
            shown = own[own["percent"].isin(in_words(own))]
            figures = [gallery.add("controls", draw_controls(shown), CONTROLS, own)]
        view = controls_view(own, tables.control_areas)
        compared = control_costs(own)
        found.append(Section("controls", CONTROLS, controls_finding(own), figures, view, (), compared))
    answers = answers_section(tables.qa, tables.qa_controls, asked, gallery)
    if answers:
        found.append(answers)
    if len(tables.effects):
        figures = []
        if gallery:
            drawn = draw_effects(tables.effects, tables.heads[tables.heads["method"] == SELECTED])
            figures = [gallery.add("effects", drawn, EFFECTS, tables.effects)]
        finding = effects_finding(tables.effects, tables.effect_correlations)
        view = correlations_view(tables.effect_correlations)
        compared = cumulative_finding(tables.cumulative_correlations)
        found.append(Section("effects", EFFECTS, finding, figures, view, (), compared))
    if len(tables.categories):
        figures = []
        if gallery and record:
            drawn = draw_categories(tables.categories, record.layers, record.heads_per_layer)
            figures = [gallery.add("categories", drawn, CATEGORIES_CAPTION, tables.categories)]
        view = categories_view(tables.categories, tables.heads, tables.effects)
        finding = categories_finding(tables.clusters, tables.cluster_stability)
        found.append(Section("categories", CATEGORIES_CAPTION, finding, figures, view))
    return found


def controls_view(controls: pd.DataFrame, areas: pd.DataFrame) -> TableView:
    """One row per condition and fit: IoU, perplexity increases, area, loss recovered."""
    percents = in_words(controls)
    last = percents[-1]
    found = {(row.condition, row.fitted_to, row.percent): row for row in records(controls)}
    area = {(row.condition, row.fitted_to): Estimate(row.area, row.area_low, row.area_high) for row in records(areas)}
    rows = []
    for condition, fitted_to in dict.fromkeys((key[0], key[1]) for key in found):
        of_percents = [found[condition, fitted_to, percent] for percent in percents]
        whole = of_percents[-1]
        label = CONDITIONS[condition].label if fitted_to == BY_ATTENTION else "– fitted to predictions"
        excepted = f"{whole.excepted:.0f} of {whole.heads_replaced:.0f}" if condition in DRAWN else ""
        rows.append(
            [
                label,
                excepted,
                Estimate(whole.iou_test).number(),
                *(percent_text(Estimate(each.increase, each.increase_low, each.increase_high)) for each in of_percents),
                area[condition, fitted_to].text(2),
                Estimate(whole.recovered, whole.recovered_low, whole.recovered_high).text(2),
            ]
        )
    head = (
        "replaced by",
        "heads excepted",
        f"IoU at {last:g} %",
        *(f"perplexity, {percent:g} % of heads" for percent in percents),
        "area",
        f"loss recovered at {last:g} %",
    )
    return TableView(head, rows)


def controls_finding(controls: pd.DataFrame) -> str:
    """How many wrong conditions and percentages cost more than the right programs, and how many less."""
    parts, wrong_ones, worse_ones = [], 0, 0
    for fitted_to, words in ((BY_ATTENTION, "as found"), (BY_PREDICTIONS, "with coefficients fitted to predictions")):
        own = controls[controls["fitted_to"] == fitted_to]
        wrong = own[own["condition"].isin(DRAWN) & (own["excepted"] < own["heads_replaced"])]
        if wrong.empty:
            continue
        worse = int((wrong["above_correct_low"] > 0).sum())
        better = int((wrong["above_correct_high"] < 0).sum())
        wrong_ones, worse_ones = wrong_ones + len(wrong), worse_ones + worse
        parts.append(
            f"{words}, {worse} of {len(wrong)} combinations of a wrong condition and a percentage cost more than the "
            f"right programs beyond the interval of the paired difference, and {better} cost less"
        )
    first = controls.iloc[0]
    draws = int(controls["draws"].max())
    verdict = ""
    if wrong_ones and worse_ones == wrong_ones:
        verdict = "Every wrong condition costs more than the right programs. "
    elif wrong_ones and not worse_ones:
        verdict = "These measurements can't tell wrong programs from right ones. "
    return (
        f"{verdict}On {first['tokens']:,.0f} tokens of {first['texts']:.0f} test texts, {draws} draws of each random "
        f"condition: {'; '.join(parts)}."
    )


def control_costs(controls: pd.DataFrame) -> str:
    """What the right programs, their permutation, no attention at all and the first token cost, as far as measured."""
    own = controls[controls["fitted_to"] == BY_ATTENTION]
    parts = []
    for condition in (CORRECT, WITHIN_LAYER, MEAN, FIRST_TOKEN):
        rows = own[(own["condition"] == condition) & own["percent"].isin(in_words(own))].sort_values("percent")
        costs = ", ".join(
            f"{percent_text(Estimate(row.increase, row.increase_low, row.increase_high))} at {row.percent:g} %"
            for row in records(rows)
        )
        if costs:
            parts.append(f"{CONDITIONS[condition].label.lower()} {costs}")
    return f"Increase of perplexity: {'; '.join(parts)}.{_without_attention(own)}"


def _without_attention(controls: pd.DataFrame) -> str:
    """How many wrong conditions cost more than no attention at all, by their means; empty if none was measured."""
    costs = controls.pivot(index="percent", columns="condition", values="increase")
    wrong = [condition for condition in DRAWN if condition in costs]
    if MEAN not in costs or not wrong:
        return ""
    worse = costs[wrong].gt(costs[MEAN], axis=0).sum(axis=1)
    counts = [f"{worse[percent]} of {len(wrong)} at {percent:g} %" for percent in in_words(controls)]
    return f" Wrong conditions that cost more than no attention at all: {', '.join(counts)}."


def correlations_view(correlations: pd.DataFrame) -> TableView:
    """Rows: what may predict; columns: the divergence when a head is replaced by its program, its mean, or nothing."""
    own = correlations[correlations["effect"] == "ablation_effect"]
    found = {
        (row.replaced_by, row.predictor): Estimate(row.rank_correlation, row.low, row.high) for row in records(own)
    }
    kinds = [kind for kind in REPLACEMENTS if (own["replaced_by"] == kind).any()]
    rows = [[label, *(found[kind, name].text(2) for kind in kinds)] for name, label in PREDICTORS.items()]
    return TableView(("rank correlation with the effect of", *(REPLACEMENTS[kind] for kind in kinds)), rows)


def effects_finding(effects: pd.DataFrame, correlations: pd.DataFrame) -> str:
    """What the correlations are, and how reliable the effects."""
    chosen = (correlations["effect"] == "ablation_effect") & (correlations["replaced_by"] == CORRECT)
    fit = {row.predictor: Estimate(row.rank_correlation, row.low, row.high) for row in records(correlations[chosen])}
    first = effects.iloc[0]
    finding = (
        f"Over {correlations['heads'].iloc[0]:.0f} heads, the rank correlation of a head's IoU with the effect of its "
        f"program is {fit['iou_test'].text(2)}, and {fit['sink_excluded_iou_test'].text(2)} without the first column. "
        f"Effects are means over {first['texts']:.0f} test texts"
    )
    reliability = Estimate(float(first["reliability"]))
    if reliability.measured:
        finding += f", with a split-half reliability (Spearman-Brown) of {reliability.number(2)}"
    table = effects.pivot(index="head", columns="replaced_by", values="ablation_effect")
    shares = {
        kind: Estimate(100 * float((table[CORRECT] < table[kind]).mean()))
        for kind in REPLACEMENTS
        if kind in table and kind != CORRECT
    }
    less = [f"less than {REPLACEMENTS[kind]} for {percent_text(share)}" for kind, share in shares.items()]
    if less:
        finding += f". A head's program costs {' and '.join(less)} of heads"
    return f"{finding}."


def cumulative_finding(cumulative: pd.DataFrame) -> str:
    """What a cumulative correlation, as in the paper, would have said, and what it says of effects at random."""
    parts = []
    for row in records(cumulative[cumulative["effect"] == "ablation_effect"]):
        permuted = Estimate(row.permuted, row.permuted_low, row.permuted_high)
        parts.append(
            f"The paper's cumulative correlation is {row.cumulative_correlation:.2f} here, and {permuted.text(2)} with "
            "the same effects permuted among heads."
        )
    return " ".join(parts)


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
    ]
    return (
        f"Programs clustered by the patterns that they predict: {chosen['clusters']:.0f} clusters are the most stable "
        f"number (adjusted Rand index of two subsamples {chosen['stability']:.2f}), named after their most frequent "
        f"category: {', '.join(names)}. Clusters and categories agree with an adjusted Rand index of "
        f"{clusters['adjusted_rand'].iloc[0]:.2f}."
    )
