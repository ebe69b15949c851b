"""Wrong programs beside the right ones: what it costs when heads get them, as found and with coefficients refitted."""

import pandas as pd

from attention_programs.evidence.conditions import (
    BY_ATTENTION,
    BY_PREDICTIONS,
    CONDITIONS,
    CORRECT,
    DRAWN,
    MEAN,
    WITHIN_LAYER,
)
from attention_programs.files import records
from attention_programs.programs.methods import FIRST_TOKEN
from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.evidence_captions import CONTROLS
from attention_programs.report.figures.controls_figure import draw_controls
from attention_programs.report.section import Gallery, Section, TableView, in_words


def controls_section(controls: pd.DataFrame, areas: pd.DataFrame, gallery: Gallery | None = None) -> Section:
    """Does the right program matter.

    Args:
        controls: The table ``controls.csv``.
        areas: The table ``control_areas.csv``.
        gallery: Saves the figure; without one there is none.
    """
    figures = []
    if gallery:
        shown = controls[controls["percent"].isin(in_words(controls))]
        figures = [gallery.add("controls", draw_controls(shown), CONTROLS, controls)]
    view = controls_view(controls, areas)
    return Section("controls", CONTROLS, controls_finding(controls), figures, view, (), control_costs(controls))


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
