"""Closer looks at the cost of replacing heads: two kinds of constants, and which head goes first."""

import pandas as pd

from attention_programs.files import records
from attention_programs.programs.methods import DISTILLED, FITTED_MIXTURE, SELECTED
from attention_programs.report.captions import CONSTANTS, DAMAGE, DISTILLATION, ORDERS
from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.figures.damage import draw_damage
from attention_programs.report.figures.distillation import draw_distillation
from attention_programs.report.figures.orders import draw_orders
from attention_programs.report.gallery import Gallery
from attention_programs.report.section import Section, TableRow, TableView
from attention_programs.scoring.bootstrap import rank_correlation
from attention_programs.surrogate.distillation import PREDICTIONS
from attention_programs.surrogate.rankings import BEST_FIT, RANKINGS

KINDS = {"pattern": SELECTED, "causal": DISTILLED}
"""Constants fitted to the maps and to the model's predictions, and the programs that have them in a model."""


def constants_section(
    objectives: pd.DataFrame,
    perplexity: pd.DataFrame,
    order_choice: pd.DataFrame,
    curve: pd.DataFrame,
    gallery: Gallery,
) -> Section | None:
    """Fit and cost of both kinds of constants by share of heads; None if there is only one kind.

    Args:
        objectives: ``objectives.csv``.
        perplexity: ``perplexity.csv``.
        order_choice: ``order_choice.csv``.
        curve: ``distillation.csv``.
        gallery: Where the figure goes.
    """
    fits = {(row.objective, row.percent): Estimate(row.iou_test) for row in records(objectives)}
    percents = sorted({percent for _, percent in fits if all((kind, percent) in fits for kind in KINDS)})
    if not percents:
        return None
    order = _common_order(perplexity, order_choice)
    nothing = Estimate(float("nan"))
    costs = {
        (row.programs, row.percent): Estimate(row.increase, row.low, row.high)
        for row in records(perplexity[perplexity["order"] == order])
    }
    rows = [
        TableRow(
            f"{percent:g} %",
            (
                *(fits[kind, percent].number() for kind in KINDS),
                *(percent_text(costs.get((programs, percent), nothing)) for programs in KINDS.values()),
            ),
        )
        for percent in percents
    ]
    head = ("heads replaced", "IoU, fit to maps", "IoU, distilled", "perplexity, fit to maps", "perplexity, distilled")
    steps = curve[curve["matched"] == PREDICTIONS]
    figures = [gallery.add("distillation", draw_distillation(steps), DISTILLATION)] if len(steps) else []
    last = percents[-1]
    fit, cost = ([values.get((name, last), nothing) for name in names]
                 for values, names in ((fits, KINDS.keys()), (costs, KINDS.values())))  # fmt: skip
    finding = (
        f"At {last:g} % of the heads, distilling changes their mean IoU from {fit[0].number()} to {fit[1].number()}"
        + (f" and the increase of perplexity from {percent_text(cost[0])} to {percent_text(cost[1])}"
           if all(each.measured for each in cost) else "")
        + (f" (order: {RANKINGS[order].label})." if order else ".")
    )  # fmt: skip
    return Section("constants", CONSTANTS, finding, figures, TableView(head, tuple(rows)))


def _common_order(perplexity: pd.DataFrame, order_choice: pd.DataFrame) -> str:
    """The chosen order, or else the first in which both kinds were measured; empty if there is none."""
    orders = [set(perplexity.loc[perplexity["programs"] == programs, "order"]) for programs in KINDS.values()]
    chosen = order_choice.loc[order_choice["chosen"] > 0, "order"].tolist()
    return next((order for order in [*chosen, *RANKINGS] if all(order in each for each in orders)), "")


def order_section(
    order_choice: pd.DataFrame, heads: pd.DataFrame, damage: pd.DataFrame, gallery: Gallery
) -> Section | None:
    """The orders of replacement, and whether fit foretells cost; None if orders were not compared.

    Args:
        order_choice: ``order_choice.csv``.
        heads: ``heads.csv``.
        damage: ``damage.csv``.
        gallery: Where the figures go.
    """
    if order_choice.empty:
        return None
    means = order_choice.groupby("order")["increase_validation"].mean()
    (chosen,) = order_choice.loc[order_choice["chosen"] > 0, "order"].unique()
    figures = [gallery.add("orders", draw_orders(order_choice), ORDERS)]
    finding = (
        f"Chosen: {RANKINGS[chosen].short}, with a mean increase of {percent_text(Estimate(means[chosen]))} over the "
        "shares shown"
    )
    if BEST_FIT in means:
        finding += f"; {RANKINGS[BEST_FIT].short}: {percent_text(Estimate(means[BEST_FIT]))}"
    finding += "."
    selected = heads[heads["method"] == SELECTED]
    joined = selected[["head", "iou_test"]].merge(damage[["head", "damage"]], on="head").dropna()
    correlation = Estimate(rank_correlation(joined["iou_test"].tolist(), joined["damage"].tolist()))
    if correlation.measured:
        baseline = Estimate(float(heads.loc[heads["method"] == FITTED_MIXTURE, "iou_test"].mean()))
        figures.append(gallery.add("damage", draw_damage(joined, baseline), DAMAGE))
        finding += (
            f" Rank correlation between a head's test IoU and its damage: {correlation.number(2)} "
            f"({len(joined)} heads; -1 would mean that the better the fit, the lower the cost)."
        )
        reliability = Estimate(float(damage["reliability"].iloc[0]))
        if reliability.measured:
            finding += (
                f" Damage is measured on {damage['texts'].iloc[0]:.0f} training texts; the reliability of its ranking "
                f"(split half, Spearman-Brown) is {reliability.number(2)}."
            )
    return Section("order", ORDERS, finding, figures)
