"""Detailed results on the cost of replacing heads: two kinds of coefficients, and head rankings."""

import math
from collections.abc import Sequence

import pandas as pd

from attention_programs.files import records
from attention_programs.programs.methods import DISTILLED, REPLACED_BY, SELECTED
from attention_programs.report.captions import COEFFICIENTS, COST_BY_CORPUS, COST_BY_LENGTH, DISTILLATION, HEAD_RANKINGS
from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.figures.costs import draw_distillation, draw_rankings
from attention_programs.report.section import Gallery, Section, TableView
from attention_programs.surrogate.distillation import PREDICTIONS
from attention_programs.surrogate.rankings import BEST_FIT, RANKINGS

KINDS = {"attention_loss": SELECTED, "output_kl_loss": DISTILLED}
"""The two losses that coefficients are fitted with, and the method that puts each kind into the model."""


def coefficients_section(
    objectives: pd.DataFrame,
    perplexity: pd.DataFrame,
    ranking_choice: pd.DataFrame,
    curve: pd.DataFrame,
    gallery: Gallery,
) -> Section | None:
    """Fit and cost of both kinds of coefficients by fraction of heads; None if there is only one kind."""
    fits = {(row.objective, row.percent): Estimate(row.iou_test) for row in records(objectives)}
    percents = sorted({percent for _, percent in fits if all((kind, percent) in fits for kind in KINDS)})
    if not percents:
        return None
    ranking = _common_ranking(perplexity, ranking_choice)
    nothing = Estimate(float("nan"))
    costs = {
        (row.programs, row.percent): Estimate(row.increase, row.low, row.high)
        for row in records(perplexity[perplexity["ranking"] == ranking])
    }
    rows = [
        [
            f"{percent:g} %",
            *(fits[kind, percent].number() for kind in KINDS),
            *(percent_text(costs.get((programs, percent), nothing)) for programs in KINDS.values()),
        ]
        for percent in percents
    ]
    kinds = ("fit to patterns", "distilled")
    head = ("heads replaced", *(f"{measure}, {kind}" for measure in ("IoU", "perplexity") for kind in kinds))
    steps = curve[curve["loss"] == PREDICTIONS]
    figures = [gallery.add("distillation", draw_distillation(steps), DISTILLATION, steps)] if len(steps) else []
    last = percents[-1]
    fit, cost = ([values.get((name, last), nothing) for name in names]
                 for values, names in ((fits, KINDS.keys()), (costs, KINDS.values())))  # fmt: skip
    finding = (
        f"At {last:g} % of the heads, distillation changes their mean IoU from {fit[0].number()} to {fit[1].number()}"
        + (f" and the perplexity increase from {percent_text(cost[0])} to {percent_text(cost[1])}"
           if all(each.measured for each in cost) else "")
        + (f" (ranking: {RANKINGS[ranking].label})." if ranking else ".")
    )  # fmt: skip
    return Section("coefficients", COEFFICIENTS, finding, figures, TableView(head, rows))


def _common_ranking(perplexity: pd.DataFrame, ranking_choice: pd.DataFrame) -> str:
    rankings = [set(perplexity.loc[perplexity["programs"] == programs, "ranking"]) for programs in KINDS.values()]
    chosen = ranking_choice.loc[ranking_choice["chosen"] > 0, "ranking"].tolist()
    return next((ranking for ranking in [*chosen, *RANKINGS] if all(ranking in each for each in rankings)), "")


def cost_by_length_section(table: pd.DataFrame) -> Section | None:
    """How the cost of replacing heads changes with text length; None if it was measured at one length only."""
    if table.empty:
        return None
    finding = (
        f"Measured on the beginnings of the same {table['texts'].iloc[0]:g} test texts; coefficients were fitted on "
        "texts of the profile's own length."
    )
    view = _cost_by(table, "tokens_per_text", sorted(table["tokens_per_text"].unique()), "at {:g} tokens")
    return Section("cost-by-length", COST_BY_LENGTH, finding, (), view)


def cost_by_corpus_section(table: pd.DataFrame) -> Section | None:
    """How the cost of replacing heads differs between corpora; None if there is only one."""
    if table.empty:
        return None
    corpora = list(dict.fromkeys(table["corpus"].astype(str)))
    first = table.drop_duplicates("corpus").set_index("corpus")
    original = first["perplexity"] / (1 + first["increase"] / 100)
    texts = ", ".join(
        f"{name} {first['tokens'][name]:,.0f} tokens of {first['texts'][name]:.0f} texts, original perplexity "
        f"{original[name]:.2f}"
        for name in corpora
    )
    finding = f"Every column on the same tokens: {texts}."
    return Section("cost-by-corpus", COST_BY_CORPUS, finding, (), _cost_by(table, "corpus", corpora, "on {}"))


def _cost_by(table: pd.DataFrame, part: str, parts: Sequence[object], heading: str) -> TableView:
    """One row per kind of programs, ranking and percentage, one column per part."""
    costs = {
        (row.programs, row.ranking, row.percent, getattr(row, part)): Estimate(row.increase, row.low, row.high)
        for row in records(table[table["percent"] > 0])
    }
    kinds = dict.fromkeys(key[:3] for key in costs)
    several = {programs for programs, _, _ in kinds if len({r for p, r, _ in kinds if p == programs}) > 1}
    nothing = Estimate(math.nan)
    rows = []
    for programs, ranking, percent in kinds:
        order = f", {RANKINGS[ranking].short}" if programs in several else ""
        cells = [percent_text(costs.get((programs, ranking, percent, each), nothing)) for each in parts]
        rows.append([f"{REPLACED_BY[programs].label}{order}, {percent:g} %", *cells])
    return TableView(("replaced by", *(heading.format(each) for each in parts)), rows)


def ranking_section(ranking_choice: pd.DataFrame, ablation_effect: pd.DataFrame, gallery: Gallery) -> Section | None:
    """The head rankings; None if they were not compared."""
    if ranking_choice.empty:
        return None
    means = ranking_choice.groupby("ranking")["increase_validation"].mean()
    (chosen,) = ranking_choice.loc[ranking_choice["chosen"] > 0, "ranking"].unique()
    figures = [gallery.add("rankings", draw_rankings(ranking_choice), HEAD_RANKINGS, ranking_choice)]
    finding = (
        f"Chosen: {RANKINGS[chosen].short}, with a mean increase of {percent_text(Estimate(means[chosen]))} over the "
        "fractions shown"
    )
    if BEST_FIT in means:
        finding += f"; {RANKINGS[BEST_FIT].short}: {percent_text(Estimate(means[BEST_FIT]))}"
    finding += "."
    reliability = Estimate(float(ablation_effect["reliability"].iloc[0]))
    if reliability.measured:
        finding += (
            f" Single-head ablation effects are measured on {ablation_effect['texts'].iloc[0]:.0f} training texts; the "
            f"split-half reliability of their ranking (Spearman-Brown) is {reliability.number(2)}."
        )
    return Section("ranking", HEAD_RANKINGS, finding, figures)
