"""The evidence as the docs show it, for every profile that has it."""

from pathlib import Path

from attention_programs.evidence.conditions import CONDITIONS
from attention_programs.report.evidence_sections import evidence_sections
from attention_programs.report.markdown import markdown_table
from attention_programs.report.result_tables import Tables


def conditions_block() -> str:
    """What every condition gives each head."""
    rows = [
        (condition.label, f"{condition.gets}{', drawn at random' * condition.drawn}")
        for condition in CONDITIONS.values()
    ]
    return "\n".join(["| | each head gets ... |", "|---|---|", *(f"| {label} | {gets} |" for label, gets in rows)])


def evidence_block(results: Path) -> str:
    """Findings, tables and figures of every profile with controls.

    Args:
        results: The folder of all results.
    """
    lines: list[str] = []
    for profile in sorted(path.parent.name for path in results.glob("*/controls.csv")):
        lines += [f"## Profile {profile}", ""]
        for section in evidence_sections(Tables.read(results / profile)):
            title, figure = section.caption.title, f"{profile}/figures/{section.name}.png"
            lines += [f"### {title}", "", section.finding, ""]
            if section.table:
                lines += [*markdown_table(section.table.head, section.table.rows), ""]
            if (results / figure).is_file():
                lines += [f"![{title}](../results/{figure})", ""]
            lines += [f"*How to read it.* {section.caption.reading}", ""]
            lines += [f"*What it does not show.* {section.caption.limits}", ""]
    return "\n".join(lines).rstrip() or "No profile has controls yet; `dvc repro controls` measures them."
