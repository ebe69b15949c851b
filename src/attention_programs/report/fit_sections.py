"""Detailed results on the fit: terms, shared programs, lengths, corpora, and the heads explained worst."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from attention_programs.config import SynthesisSettings
from attention_programs.files import records
from attention_programs.programs.methods import BASELINES, FITTED_SINK_SELF, SELECTED, method_of
from attention_programs.programs.record import ProgramRecord
from attention_programs.report.analysis_fits import ENOUGH, SHARED, TRANSFER_FROM, enough, family, fit_of, members
from attention_programs.report.analysis_fits import TERMS as SIZES
from attention_programs.report.captions import LENGTHS, SHARING, TERMS, TRANSFER, WORST
from attention_programs.report.estimate import ABSENT, Estimate
from attention_programs.report.figures.fits import draw_lengths, draw_sharing, draw_terms
from attention_programs.report.result_tables import ALL_CORPORA
from attention_programs.report.section import Gallery, Section, TableView, WeakHead
from attention_programs.scoring.attention_shares import PLACES
from attention_programs.scoring.bootstrap import rank_correlation

WEAK_HEADS = 20
"""Number of heads described in words."""
BIGGEST = 3
"""Shares of attention mentioned per head."""
LEAST = 0.05
"""Smaller shares, and smaller differences from the mean over heads, are not mentioned."""


def terms_section(
    analyses: pd.DataFrame, selected: pd.DataFrame, programs: Mapping[str, ProgramRecord], gallery: Gallery
) -> Section | None:
    """What a term is worth; None if no other sizes were analysed."""
    sizes, own, baseline = family(analyses, SIZES), fit_of(analyses, SELECTED), fit_of(analyses, FITTED_SINK_SELF)
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
    return Section("terms", TERMS, finding, [gallery.add("terms", figure, TERMS, _of(analyses, SIZES))])


def sharing_section(analyses: pd.DataFrame, gallery: Gallery) -> Section | None:
    """How few programs are enough; None if sharing was not analysed."""
    shared, own, baseline = family(analyses, SHARED), fit_of(analyses, SELECTED), fit_of(analyses, FITTED_SINK_SELF)
    if not shared or own is None or baseline is None:
        return None
    least = enough(shared, own)
    portion = 100 * least.iou.value / own.iou.value
    finding = (
        f"The smallest measured number of programs that reaches {100 * ENOUGH:.0f} % of the IoU of one per head on "
        f"validation texts is {least.programs}: on test texts, IoU {least.iou.text()}, {portion:.0f} % of the "
        f"{own.iou.text()} that {own.programs} programs reach."
    )
    figure = draw_sharing(shared, own, baseline.iou)
    return Section("sharing", SHARING, finding, [gallery.add("sharing", figure, SHARING, _of(analyses, SHARED))])


def _of(analyses: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of a family of analyses, with those of the selected programs and the fitted baseline."""
    own = analyses["analysis"].str.startswith(f"{name}/")
    return analyses[own | analyses["analysis"].isin((SELECTED, FITTED_SINK_SELF))]


def lengths_section(lengths: pd.DataFrame, gallery: Gallery) -> Section | None:
    """How fit falls with text length; None if it was not measured."""
    own = lengths[lengths["method"] == SELECTED].sort_values("tokens")
    if own.empty:
        return None
    ends = own.iloc[[0, -1]]
    first, last = (f"{Estimate(r.iou, r.low, r.high).text()} at {r.tokens:.0f} tokens" for r in records(ends))
    excluded = " to ".join(Estimate(row.sink_excluded_iou).number() for row in records(ends))
    finding = (
        f"IoU of the selected programs goes from {first} to {last} ({own['texts'].iloc[0]:.0f} texts); "
        f"without the first column, from {excluded}."
    )
    figure = gallery.add("lengths", draw_lengths(lengths), LENGTHS, lengths)
    return Section("lengths", LENGTHS, finding, [figure], lengths_view(lengths))


def lengths_view(lengths: pd.DataFrame) -> TableView:
    """IoU, and IoU without the first column, of each method at each length."""
    tokens = sorted(lengths["tokens"].unique())
    cells = {
        (row.method, row.tokens): f"{Estimate(row.iou).number()} / {Estimate(row.sink_excluded_iou).number()}"
        for row in records(lengths)
    }
    shown = [
        [method_of(str(name)).label, *(cells.get((name, count), ABSENT) for count in tokens)]
        for name in dict.fromkeys(lengths["method"])
    ]
    return TableView(("IoU / without the first column", *(f"at {count:g} tokens" for count in tokens)), shown)


def transfer_section(analyses: pd.DataFrame, settings: SynthesisSettings) -> Section | None:
    """The table of cross-corpus transfer; None if no programs were fitted on a single corpus."""
    corpora = [name for name in dict.fromkeys(analyses["corpus"].astype(str)) if name != ALL_CORPORA]
    sources = members(analyses, TRANSFER_FROM)
    if not sources:
        return None
    rows = {f"{TRANSFER_FROM}/{domain}": f"Fitted on {domain}" for domain in sources}
    rows |= {SELECTED: "Fitted on all (selected)", FITTED_SINK_SELF: BASELINES[FITTED_SINK_SELF].label}
    fits = {(name, corpus): fit_of(analyses, name, corpus) for name in rows for corpus in [*corpora, ALL_CORPORA]}
    shown = [
        [label, *(fit.iou.text() if (fit := fits[name, corpus]) else ABSENT for corpus in [*corpora, ALL_CORPORA])]
        for name, label in rows.items()
    ]
    table = TableView(("", *(f"on {corpus}" for corpus in corpora), "on all"), shown)
    limits = (
        f"Searches on one corpus are smaller: they choose terms on about {settings.transfer_texts} training texts, the "
        f"search on all corpora on about {settings.sample_texts}, so part of the difference from the programs fitted "
        "on all is not due to the corpus."
    )
    caption = replace(TRANSFER, limits=limits)
    single = {(domain, corpus): fits[f"{TRANSFER_FROM}/{domain}", corpus] for domain in sources for corpus in corpora}
    own = [fit.iou.value for (domain, corpus), fit in single.items() if fit is not None and domain == corpus]
    away = [fit.iou.value for (domain, corpus), fit in single.items() if fit is not None and domain != corpus]
    finding = (
        f"Programs fitted on a single corpus reach {Estimate(float(np.mean(own))).number()} on its own test texts "
        f"and {Estimate(float(np.mean(away))).number()} on those of other corpora (means over the table)."
        if own and away
        else ""
    )
    return Section("transfer", caption, finding, table=table)


def behaviours(table: pd.DataFrame) -> dict[str, str]:
    """One sentence per head.

    Args:
        table: ``behaviour.csv``.
    """
    measures = table.drop(columns="head").astype(float)
    mean = {str(name): float(value) for name, value in measures.mean().items()}
    rows = zip(table["head"].astype(str), measures.to_numpy().tolist(), strict=True)
    return {head: sentence(dict(zip(mean, row, strict=True)), mean) for head, row in rows}


def sentence(head: Mapping[str, float], mean: Mapping[str, float]) -> str:
    """The largest shares, plus the most unusual one if it is not among them; mean distance and spread.

    >>> head = {"first_token": 0.18, "content_word": 0.52, "digit": 0.01, "distance": 12.0, "entropy": 2.5}
    >>> mean = {"first_token": 0.4, "content_word": 0.21, "digit": 0.02, "distance": 9.0, "entropy": 2.0}
    >>> sentence(head, mean)
    '52 % on content words (all heads: 21 %), 18 % on the first token (40 %); looks 12.0 tokens away on average (9.0), \
spread over 2.5 bits (2.0)'
    """
    places = sorted((place for place in PLACES if place in head), key=lambda place: -head[place])
    shown = [place for place in places[:BIGGEST] if head[place] >= LEAST]
    apart = max(places, key=lambda place: head[place] - mean[place], default="")
    if apart and apart not in shown and head[apart] - mean[apart] >= LEAST:
        shown.append(apart)
    shares = [f"{100 * head[p]:.0f} % on {PLACES[p]} ({100 * mean[p]:.0f} %)" for p in shown]
    if shares:
        shares[0] = shares[0].replace("(", "(all heads: ")
    distance = f"looks {head['distance']:.1f} tokens away on average ({mean['distance']:.1f})"
    spread = f"spread over {head['entropy']:.1f} bits ({mean['entropy']:.1f})"
    return "; ".join([", ".join(shares), f"{distance}, {spread}"] if shares else [f"{distance}, {spread}"])


def weak_section(
    behaviour: pd.DataFrame, selected: pd.DataFrame, programs: Mapping[str, ProgramRecord]
) -> Section | None:
    """The heads explained worst, in words; None if where their attention goes was not measured."""
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
        f"{Estimate(float(worst['iou_test'].mean())).number()}; over all heads it is "
        f"{Estimate(float(selected['iou_test'].mean())).number()}."
    )
    caption = replace(WORST, title=f"The {len(heads)} heads explained worst")
    return Section("weak", caption, finding, heads=heads)
