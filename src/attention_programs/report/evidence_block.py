"""The evidence as the docs show it, for every profile that has it."""

from pathlib import Path

from attention_programs.evidence.conditions import CONDITIONS
from attention_programs.report.evidence_sections import evidence_sections
from attention_programs.report.markdown import markdown_table
from attention_programs.report.result_tables import Tables
from attention_programs.report.section import Section

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
    for profile in sorted(path.parent.name for path in results.glob("*/controls.csv")):
        tables = Tables.read(results / profile)
        if len(tables.effects.drop_duplicates("head")) < FEWEST_HEADS:
            continue
        for section in evidence_sections(tables):
            answers.setdefault(section.name, []).append((profile, section))
    lines: list[str] = []
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
