"""The argument of the report, step by step: claim, figure, comparison, and what it does not show."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from attention_programs.config import Config
from attention_programs.files import records
from attention_programs.models.model_record import ModelRecord
from attention_programs.programs.methods import BASELINES, METHODS, REPLACED_BY, SELECTED
from attention_programs.report.captions import GRID, fit_caption, perplexity_caption
from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.evidence_sections import evidence_sections
from attention_programs.report.figures.fit import draw_fit
from attention_programs.report.figures.grid import draw_grid
from attention_programs.report.figures.perplexity_figure import draw_perplexity
from attention_programs.report.result_tables import ALL_CORPORA, Tables
from attention_programs.report.section import Gallery, Section, TableView, in_words
from attention_programs.surrogate.rankings import RANKINGS

IOU, WITHOUT_FIRST_COLUMN, JSD = "iou", "sink_excluded_iou", "jsd"


def argument(tables: Tables, record: ModelRecord, config: Config, gallery: Gallery) -> list[Section]:
    """The steps: programs predict attention, what replacing heads costs, and the evidence for and against both."""
    cost = [_cost(tables.perplexity, config, gallery)] if len(tables.perplexity) else []
    return [
        _fit(tables, record, config, gallery),
        *cost,
        *evidence_sections(tables, record, config.evaluation.tasks, gallery),
    ]


def _fit(tables: Tables, record: ModelRecord, config: Config, gallery: Gallery) -> Section:
    caption = fit_caption(config.attention.max_tokens)
    shown = tables.heads[["head", "method", "iou_test", "sink_excluded_iou_test"]]
    of_heads = shown[shown["method"] == SELECTED].merge(tables.ablation_effect[["head", "ablation_effect"]], on="head")
    grid = draw_grid(tables.heads, tables.ablation_effect, record.layers, record.heads_per_layer)
    figures = [
        gallery.add("fit", draw_fit(tables.heads, tables.iou), caption, shown),
        gallery.add("heads", grid, GRID, of_heads),
    ]
    finding, compared = _fit_in_words(tables.iou, SELECTED), _fit_in_words(tables.iou, _best_baseline(tables.iou))
    return Section("fit", caption, finding, figures, methods_view(tables.iou), (), compared)


def _fits(iou: pd.DataFrame) -> Mapping[tuple[Any, ...], Estimate]:
    return {(row.method, row.metric, row.corpus): Estimate(row.mean, row.low, row.high) for row in records(iou)}


def _best_baseline(iou: pd.DataFrame) -> str:
    fits = _fits(iou)
    nothing = Estimate(-math.inf)
    return max(BASELINES, key=lambda method: fits.get((method, IOU, ALL_CORPORA), nothing).value)


def _fit_in_words(iou: pd.DataFrame, method: str) -> str:
    fits, nothing = _fits(iou), Estimate(math.nan)
    whole, rest = (fits.get((method, metric, ALL_CORPORA), nothing).text() for metric in (IOU, WITHOUT_FIRST_COLUMN))
    label = "The best baseline" if method in BASELINES else "Programs"
    name = f" ({METHODS[method].label.lower()})" if method in BASELINES else ""
    verb = "predicts" if name else "predict"
    return (
        f"{label}{name} {verb} the attention of heads on test texts with a mean IoU of {whole}, and of {rest} without "
        "the patterns' first column, where attention sinks are."
    )


def methods_view(iou: pd.DataFrame) -> TableView:
    """Mean test IoU by corpus; then, over all texts, the IoU without the first column and the divergence."""
    corpora = [ALL_CORPORA, *(str(corpus) for corpus in iou["corpus"].unique() if corpus != ALL_CORPORA)]
    columns = [(IOU, corpus) for corpus in corpora] + [(WITHOUT_FIRST_COLUMN, ALL_CORPORA), (JSD, ALL_CORPORA)]
    fits, nothing = _fits(iou), Estimate(math.nan)
    rows = [
        [method.label, *(fits.get((key, *column), nothing).text() for column in columns)]
        for key, method in METHODS.items()
        if (iou["method"] == key).any()
    ]
    head = ("mean test IoU", "all texts", *corpora[1:], "without first column", "JSD, lower is better")
    return TableView(head, rows)


def _cost(perplexity: pd.DataFrame, config: Config, gallery: Gallery) -> Section:
    first = perplexity.iloc[0]
    caption = perplexity_caption(int(first.texts), int(first.tokens), config.replacement.precision)
    figures = [gallery.add("perplexity", draw_perplexity(perplexity), caption, perplexity)]
    ways = [way for way in REPLACED_BY if (perplexity["programs"] == way).any()]
    finding = f"Increase of perplexity when heads are replaced: {_costs(perplexity, ways[0], ways[0])}."
    baselines = [_costs(perplexity, way, ways[0]) for way in ways if way in BASELINES]
    compared = f"Baselines that know nothing of a head: {'; '.join(baselines)}." if baselines else ""
    return Section("cost", caption, finding, figures, None, (), compared)


def _costs(perplexity: pd.DataFrame, way: str, like: str) -> str:
    """The cost of one way at all measured percentages, by a ranking that ``like`` has, too, if there is one."""
    of_way, of_like = (perplexity[perplexity["programs"] == each]["ranking"].unique() for each in (way, like))
    ranking = str(next((each for each in of_way if each in of_like), of_way[0]))
    own = perplexity[(perplexity["programs"] == way) & (perplexity["ranking"] == ranking)]
    own = own[own["percent"].isin(in_words(own))]
    costs = ", ".join(
        f"{percent_text(Estimate(row.increase, row.low, row.high))} at {row.percent:g} %"
        for row in records(own.sort_values("percent"))
    )
    return f"{REPLACED_BY[way].label.lower()}, {RANKINGS[ranking].short}, {costs}"
