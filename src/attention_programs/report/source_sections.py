"""Detailed results on program sources: comparison, intended programs, the language model's replies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from attention_programs.files import read_json, records
from attention_programs.programs.methods import CURATED, LLM, SEARCH, SOURCES
from attention_programs.report.captions import EXPLAINER, INTENDED, SOURCES_CAPTION
from attention_programs.report.estimate import ABSENT, Estimate
from attention_programs.report.section import Section, TableView


def sources_section(sources: pd.DataFrame, equal_size: pd.DataFrame) -> Section | None:
    """Wins, fit and coverage of every source; None if sources were not compared.

    Args:
        sources: ``sources.csv``.
        equal_size: ``equal_size.csv``; empty if the search made no programs as long as those written by hand.
    """
    rows = _by_source(sources)
    if not rows:
        return None
    shown = [
        [
            SOURCES[name].label,
            f"{row.programs:.0f}",
            f"{row.heads_intended:.0f}",
            _share(row.wins_on),
            Estimate(row.iou_test, row.iou_test_low, row.iou_test_high).text(),
            *map(_share, (row.coverage, row.beats_search, row.beats_curated)),
        ]
        for name, row in rows.items()
    ]
    head = (
        "",
        "programs",
        "heads of its own",
        "wins on (% of heads)",
        "IoU",
        "above 0.5",
        "beats search",
        "beats by hand",
    )
    leading = max(rows.values(), key=lambda row: row.wins_on)
    finding = f"{SOURCES[leading.source].label} has the best program for {_share(leading.wins_on)} of all heads."
    if LLM in rows:
        model = rows[LLM]
        finding += (
            f" Over the {model.heads_intended:.0f} heads that the language model wrote a usable program for, its best "
            f"one beats the search's in {_share(model.beats_search)} and the best one written by hand in "
            f"{_share(model.beats_curated)} (chosen on validation, compared on test texts). {_sizes(model)}"
        )
    if CURATED in rows and rows[CURATED].heads_intended:
        people = rows[CURATED]
        finding += (
            f" Over the {people.heads_intended:.0f} heads that somebody wrote a program for by hand, which were the "
            f"search's worst on validation texts, the best one by hand beats the search's in "
            f"{_share(people.beats_search)} on test texts ({Estimate(people.iou_test_best_of_source).number()} against "
            f"{Estimate(people.iou_test_of_search).number()}). {_sizes(people)}{_at_equal_size(equal_size)}"
        )
    return Section("sources", SOURCES_CAPTION, finding, table=TableView(head, shown))


def intended_section(sources: pd.DataFrame) -> Section | None:
    """Intended programs against the best ones; None if none was written for a head."""
    rows = {name: row for name, row in _by_source(sources).items() if row.heads_intended}
    if not rows:
        return None
    shown = [
        [
            SOURCES[name].label,
            f"{row.heads_intended:.0f}",
            Estimate(row.iou_test_intended).number(),
            Estimate(row.iou_test_best_of_source).number(),
            Estimate(row.iou_test_of_search).number(),
            Estimate(row.iou_test_best_of_all).number(),
            _share(row.share_intended_is_best),
        ]
        for name, row in rows.items()
    ]
    head = ("", "heads", "intended", "best of the source", "best of the search", "best of all", "intended is the best")
    finding = "; ".join(
        f"{SOURCES[name].short}: {Estimate(row.iou_test_intended).number()} intended, "
        f"{Estimate(row.iou_test_best_of_source).number()} best of the source"
        for name, row in rows.items()
        if name in (SEARCH, CURATED, LLM)
    )
    return Section("intended", INTENDED, f"Mean test IoU, {finding}.", table=TableView(head, shown))


def explainer_counts(results: Path) -> dict[str, Any]:
    """The synthesize stage's counts of the language model's replies; empty if it was not asked."""
    file = results / "synthesis.json"
    counts: dict[str, Any] = read_json(file).get("explainer", {}) if file.is_file() else {}
    return counts


def explainer_section(metrics: Mapping[str, Any], heads: pd.DataFrame) -> Section | None:
    """What the language model was asked, what became of its programs, and what fitting coefficients gains."""
    if not metrics.get("heads_asked"):
        return None
    model = metrics["explainer"]
    named = ", ".join(str(model[key]) for key in ("model", "quantization") if key in model)
    digest = f" (file {model['file_sha256'][:12]})" if "file_sha256" in model else ""
    counts = {
        "Heads asked about": metrics["heads_asked"],
        "Heads with a program that runs": metrics["heads_with_a_program"],
        "Prompts": metrics["prompts"],
        "– reproduced verbatim": metrics["prompts_reproduced_verbatim"],
        "Programs proposed": metrics["candidates"],
        "– the same again for the same head": metrics["repeated"],
        **{f"– rejected: {reason}": count for reason, count in metrics["rejected"].items()},
        **{f"Replies: {reason}": count for reason, count in metrics["replies_without_a_program"].items()},
        "Programs kept in the table": metrics["programs"],
        "– that look ahead": metrics["looks_ahead"],
        "Revisions kept": metrics["revisions_kept"],
        "Programs that fitted coefficients improve": metrics["coefficients_improved"],
        "Tokens of prompts": metrics["prompt_tokens"],
        "Tokens of replies": metrics["completion_tokens"],
    }
    rows = [(label, f"{count:,}") for label, count in counts.items()]
    early, kept = heads.dropna(subset=["iou_first"]), heads.dropna(subset=["iou_kept"])
    first, revised, before, after = (
        Estimate(float(some[name].mean())).number()
        for some, name in ((early, "iou_first"), (early, "iou_kept"), (kept, "iou_kept"), (kept, "iou_fitted"))
    )
    finding = (
        f"{named}{digest}. The first reply holds a program that runs for {len(early)} heads (mean IoU on training "
        f"texts {first}, after revision {revised}), either reply for {len(kept)} ({before}, with fitted coefficients "
        f"{after})."
    )
    return Section("explainer", EXPLAINER, finding, table=TableView(("", "number"), rows))


def _by_source(sources: pd.DataFrame) -> dict[str, Any]:
    found = {str(row.source): row for row in records(sources)}
    return {name: found[name] for name in SOURCES if name in found}


def _sizes(row: Any) -> str:
    """How long a source's programs are compared with the search's, as longer programs fit better."""
    own, other = (Estimate(value).number(1) for value in (row.terms_best_of_source, row.terms_of_search))
    warning = "." if own == other else ": the sizes differ, and more terms fit better."
    return f"Its programs have {own} terms on average, the search's for the same heads {other}{warning}"


def _at_equal_size(heads: pd.DataFrame) -> str:
    if heads.empty:
        return ""
    beaten = float((heads["iou_by_hand"] > heads["iou_equal_size"]).mean())
    by_hand, other = (Estimate(float(heads[f"iou_{name}"].mean())).number() for name in ("by_hand", "equal_size"))
    return (
        f" At equal size, where the search may use as many terms for a head as the program by hand has, the one by "
        f"hand beats the search's in {_share(beaten)} of {len(heads)} heads on test texts ({by_hand} against {other}, "
        f"with {Estimate(float(heads['terms_equal_size'].mean())).number(1)} terms)."
    )


def _share(value: float) -> str:
    return ABSENT if pd.isna(value) else f"{100 * value:.0f} %"
