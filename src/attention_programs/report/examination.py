"""Closer looks at the fit: terms, shared programs, lengths, corpora, and the heads explained worst."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from attention_programs.config import SynthesisSettings
from attention_programs.files import records
from attention_programs.programs.methods import BASELINES, FITTED_MIXTURE, SELECTED
from attention_programs.programs.table import ProgramRecord
from attention_programs.report.behaviour import behaviours
from attention_programs.report.captions import LENGTHS, SHARING, TERMS, TRANSFER, WORST
from attention_programs.report.estimate import ABSENT, Estimate
from attention_programs.report.figures.lengths import draw_lengths
from attention_programs.report.figures.sharing import draw_sharing
from attention_programs.report.figures.terms import draw_terms
from attention_programs.report.gallery import Gallery
from attention_programs.report.results import ALL_CORPORA
from attention_programs.report.section import Section, TableRow, TableView, WeakHead
from attention_programs.report.variants import ENOUGH, FITTED_ON, SHARED, Fit, enough, family, fit_of, members
from attention_programs.report.variants import TERMS as SIZES
from attention_programs.scoring.bootstrap import rank_correlation

WEAK_HEADS = 20
"""Heads that are told of in words."""


def terms_section(
    variants: pd.DataFrame, selected: pd.DataFrame, programs: Mapping[str, ProgramRecord], gallery: Gallery
) -> Section | None:
    """What a term is worth; None without variants of other sizes.

    Args:
        variants: ``variants.csv``.
        selected: Rows of ``heads.csv`` of the selected programs.
        programs: By id.
        gallery: Where the figure goes.
    """
    sizes, own, baseline = family(variants, SIZES), fit_of(variants, SELECTED), fit_of(variants, FITTED_MIXTURE)
    if not sizes or own is None or baseline is None:
        return None
    reached = ", ".join(f"{fit.iou.text()} with at most {fit.member} terms" for fit in sizes)
    nodes = [programs[row.program_id].nodes for row in records(selected)]
    fits = selected["iou_test"].tolist()
    correlation = Estimate(rank_correlation(nodes, fits))
    finding = (
        f"Programs reach {reached}; the selected ones reach {own.iou.text()} ("
        f"{Estimate(own.terms).number(1)} terms on average), the fitted baseline reaches "
        f"{baseline.iou.text()}. "
        f"Rank correlation between the size of a head's program and its IoU: {correlation.number(2)}."
    )
    figure = draw_terms(sizes, own, baseline.iou, nodes, fits)
    return Section("terms", TERMS, finding, [gallery.add("terms", figure, TERMS)])


def sharing_section(variants: pd.DataFrame, gallery: Gallery) -> Section | None:
    """How few programs are enough; None if heads were not made to share."""
    shared, own, baseline = family(variants, SHARED), fit_of(variants, SELECTED), fit_of(variants, FITTED_MIXTURE)
    if not shared or own is None or baseline is None:
        return None
    least = enough(shared, own)
    portion = 100 * least.iou.value / own.iou.value
    finding = (
        f"The smallest measured number of programs at or above {100 * ENOUGH:.0f} % of one a head on validation "
        f"texts is {least.programs}: on test texts IoU {least.iou.text()}, {portion:.0f} % of the {own.iou.text()} "
        f"that {own.programs} programs reach."
    )
    figure = draw_sharing(shared, own, baseline.iou)
    return Section("sharing", SHARING, finding, [gallery.add("sharing", figure, SHARING)])


def lengths_section(lengths: pd.DataFrame, gallery: Gallery) -> Section | None:
    """How the fit falls with length; None if it was not measured."""
    own = lengths[lengths["method"] == SELECTED].sort_values("tokens")
    if own.empty:
        return None
    ends = own.iloc[[0, -1]]
    first, last = (f"{Estimate(r.iou, r.low, r.high).text()} at {r.tokens:.0f} tokens" for r in records(ends))
    excluded = " to ".join(Estimate(row.sink_excluded_iou).number() for row in records(ends))
    finding = (
        f"From {first} to {last} for selected programs ({own['texts'].iloc[0]:.0f} texts); "
        f"without the first column from {excluded}."
    )
    return Section("lengths", LENGTHS, finding, [gallery.add("lengths", draw_lengths(lengths), LENGTHS)])


def transfer_section(variants: pd.DataFrame, settings: SynthesisSettings) -> Section | None:
    """The table of transfer between corpora; None if no programs were fitted on one corpus alone."""
    corpora = [name for name in dict.fromkeys(variants["corpus"].astype(str)) if name != ALL_CORPORA]
    domains = members(variants, FITTED_ON)
    if not domains:
        return None
    rows = {f"{FITTED_ON}/{domain}": f"Fitted on {domain}" for domain in domains}
    rows |= {SELECTED: "Fitted on all (selected)", FITTED_MIXTURE: BASELINES[FITTED_MIXTURE].label}
    fits = {(name, corpus): fit_of(variants, name, corpus) for name in rows for corpus in [*corpora, ALL_CORPORA]}
    shown = [TableRow(label, tuple(_cell(fits[name, corpus]) for corpus in [*corpora, ALL_CORPORA]))
             for name, label in rows.items()]  # fmt: skip
    table = TableView(("", *(f"on {corpus}" for corpus in corpora), "on all"), tuple(shown))
    limits = (
        f"Searches on one corpus are smaller: they choose terms on about {settings.domain_texts} training texts, the "
        f"search on all corpora on about {settings.sample_texts}, so part of the difference to the last programs is "
        "not a matter of the corpus."
    )
    caption = replace(TRANSFER, limits=limits)
    single = {(domain, corpus): fits[f"{FITTED_ON}/{domain}", corpus] for domain in domains for corpus in corpora}
    own = [fit.iou.value for (domain, corpus), fit in single.items() if fit is not None and domain == corpus]
    away = [fit.iou.value for (domain, corpus), fit in single.items() if fit is not None and domain != corpus]
    finding = (
        f"Programs fitted on one corpus alone reach {Estimate(float(np.mean(own))).number()} on its own test texts "
        f"and {Estimate(float(np.mean(away))).number()} on those of other corpora (means over the table)."
        if own and away
        else ""
    )
    return Section("transfer", caption, finding, table=table)


def _cell(fit: Fit | None) -> str:
    return fit.iou.text() if fit is not None else ABSENT


def weak_section(
    behaviour: pd.DataFrame, selected: pd.DataFrame, programs: Mapping[str, ProgramRecord]
) -> Section | None:
    """The heads explained worst, in words; None if it was not measured where their attention goes.

    Args:
        behaviour: ``behaviour.csv``.
        selected: Rows of ``heads.csv`` of the selected programs.
        programs: By id.
    """
    sentences = behaviours(behaviour)
    worst = selected[selected["head"].isin(list(sentences))].sort_values(["iou_validation", "head"]).head(WEAK_HEADS)
    if worst.empty:
        return None
    heads = [
        WeakHead(
            head=row.head,
            iou=Estimate(row.iou_test, row.iou_test_low, row.iou_test_high),
            sink_excluded=Estimate(row.sink_excluded_iou_test),
            description=programs[row.program_id].description,
            behaviour=sentences[row.head],
        )
        for row in records(worst)
    ]
    finding = (
        f"These {len(heads)} of {len(selected)} heads have a mean test IoU of "
        f"{Estimate(float(worst['iou_test'].mean())).number()}, all heads of "
        f"{Estimate(float(selected['iou_test'].mean())).number()}."
    )
    caption = replace(WORST, title=f"The {len(heads)} heads explained worst")
    return Section("weak", caption, finding, heads=heads)
