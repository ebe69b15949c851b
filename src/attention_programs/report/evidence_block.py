"""The evidence as the docs show it, for every profile that has it."""

from collections.abc import Mapping
from pathlib import Path

from attention_programs.evidence.conditions import BY_ATTENTION, CONDITIONS, CORRECT, MEAN, WITHIN_LAYER
from attention_programs.evidence.predictors import PREDICTORS
from attention_programs.files import records
from attention_programs.report.answer_sections import beyond_chance
from attention_programs.report.cost_sections import cost_by_corpus_section
from attention_programs.report.estimate import ABSENT, Estimate, percent_text
from attention_programs.report.evidence_sections import evidence_sections
from attention_programs.report.markdown import markdown_table
from attention_programs.report.result_tables import Tables
from attention_programs.report.section import Section, in_words

FEWEST_HEADS = 30
"""Profiles with fewer heads, which only try the stages, are no evidence on a model."""


def conditions_block() -> str:
    """What every condition gives each head."""
    rows = [
        (condition.label, f"{condition.gets}{', drawn at random' * condition.drawn}")
        for condition in CONDITIONS.values()
    ]
    return "\n".join(["| | each head gets ... |", "|---|---|", *(f"| {label} | {gets} |" for label, gets in rows)])


def evidence_block(results: Path) -> str:
    """Each question with the findings, tables and figures of every profile that answers it.

    Args:
        results: The folder of all results.
    """
    answers: dict[str, list[tuple[str, Section]]] = {}
    known = {path.parent.name: Tables.read(path.parent) for path in sorted(results.glob("*/controls.csv"))}
    known = {name: each for name, each in known.items() if len(each.effects.drop_duplicates("head")) >= FEWEST_HEADS}
    for profile, tables in known.items():
        by_corpus = cost_by_corpus_section(tables.perplexity_corpora)
        for section in [*evidence_sections(tables), *([by_corpus] if by_corpus else [])]:
            answers.setdefault(section.name, []).append((profile, section))
    lines = glance(known)
    for name, found in answers.items():
        caption = found[0][1].caption
        lines += [f"## {caption.title}", "", f"*How to read it.* {caption.reading}", ""]
        lines += [f"*What it does not show.* {caption.limits}", ""]
        for profile, section in found:
            figure = f"{profile}/figures/{name}.png"
            lines += [f"### {profile}: {caption.title.lower()}", "", section.finding, ""]
            if section.compared:
                lines += [f"*Compared with.* {section.compared}", ""]
            if section.table:
                lines += [*markdown_table(section.table.head, section.table.rows), ""]
            if (results / figure).is_file():
                lines += [f"![{caption.title}, {profile}](../results/{figure})", ""]
    return "\n".join(lines).rstrip() or "No profile has controls yet; `dvc repro controls` measures them."


def glance(known: Mapping[str, Tables]) -> list[str]:
    """The main numbers of every profile, one column each, as lines of Markdown; empty without profiles."""
    columns = {profile: _main_numbers(tables) for profile, tables in known.items()}
    labels = dict.fromkeys(label for column in columns.values() for label in column)
    if not labels:
        return []
    rows = [[label, *(column.get(label, ABSENT) for column in columns.values())] for label in labels]
    return ["## At a glance", "", *markdown_table(("test texts", *columns), rows), ""]


def _main_numbers(tables: Tables) -> dict[str, str]:
    found = {}
    for row in records(tables.controls):
        shown = row.condition in (CORRECT, WITHIN_LAYER, MEAN) and row.fitted_to == BY_ATTENTION
        if shown and row.percent in in_words(tables.controls):
            label = f"perplexity increase, {row.percent:g} % of heads: {CONDITIONS[row.condition].label.lower()}"
            found[label] = percent_text(Estimate(row.increase, row.increase_low, row.increase_high))
    for row in records(tables.effect_correlations):
        if row.replaced_by == CORRECT and row.effect == "ablation_effect":
            label = f"rank correlation with the effect of a head's program: {PREDICTORS[row.predictor]}"
            found[label] = Estimate(row.rank_correlation, row.low, row.high).text(2)
    for percent in in_words(tables.qa):
        own = tables.qa[tables.qa["percent"] == percent]
        if "p_corrected" in own:
            lost = int((beyond_chance(own) < 0).sum())
            found[f"tasks that lose accuracy beyond chance, {percent:g} % of heads"] = f"{lost} of {len(own)}"
    return found
