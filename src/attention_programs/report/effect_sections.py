"""What predicts the effect of replacing one head: fit, attention to the first token, entropy."""

import pandas as pd

from attention_programs.evidence.conditions import CORRECT, MEAN, ZERO
from attention_programs.evidence.predictors import PREDICTORS
from attention_programs.files import records
from attention_programs.programs.methods import SELECTED
from attention_programs.report.estimate import Estimate, percent_text
from attention_programs.report.evidence_captions import EFFECTS
from attention_programs.report.figures.effects_figure import draw_effects
from attention_programs.report.result_tables import Tables
from attention_programs.report.section import Gallery, Section, TableView

REPLACEMENTS = {CORRECT: "program", MEAN: "mean output", ZERO: "zero output"}
"""What single heads are replaced by in ``effects.csv``."""


def effects_section(tables: Tables, gallery: Gallery | None = None) -> Section:
    """Does IoU say what a head is for.

    Args:
        tables: The profile's tables, with effects.
        gallery: Saves the figure; without one there is none.
    """
    figures = []
    if gallery:
        drawn = draw_effects(tables.effects, tables.heads[tables.heads["method"] == SELECTED])
        figures = [gallery.add("effects", drawn, EFFECTS, tables.effects)]
    finding = effects_finding(tables.effects, tables.effect_correlations)
    view = correlations_view(tables.effect_correlations)
    return Section("effects", EFFECTS, finding, figures, view, (), cumulative_finding(tables.cumulative_correlations))


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
