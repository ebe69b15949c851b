"""The parts of README and docs that are generated from committed files: tables between two marks."""

from collections.abc import Callable, Mapping
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_csv, read_json, read_text, write_text
from attention_programs.report.architectures import architectures_tables
from attention_programs.report.evidence_block import conditions_block, evidence_block
from attention_programs.report.lengths_block import lengths_block
from attention_programs.report.markdown import numbers, sources_block, speed_table
from attention_programs.report.models_sections import models_block
from attention_programs.report.seeds_block import seeds_block
from attention_programs.report.sizes import sizes_tables
from attention_programs.report.targets import headline, kept_summaries, targets_table
from attention_programs.report.terminal import vocabulary_table

DEFAULT = "smollm2-135m"
"""The profile whose results are shown."""
BLOCKS: Mapping[str, Mapping[str, Callable[[Path], str]]] = {
    "README.md": {"headline": lambda results: headline(read_json(results / DEFAULT / "summary.json"))},
    "docs/results.md": {
        "targets": lambda results: targets_table(kept_summaries(results)),
        "numbers": lambda results: numbers(read_json(results / DEFAULT / "summary.json")),
        "sources": lambda results: sources_block(results / DEFAULT),
        "lengths": lengths_block,
        "models": models_block,
    },
    "docs/evidence.md": {"conditions": lambda _: conditions_block(), "seeds": seeds_block, "evidence": evidence_block},
    "docs/performance.md": {
        "speed": lambda results: speed_table(read_json(results / "bench.json")),
        "sizes": lambda results: sizes_tables(read_json(results / "sizes.json")),
    },
    "docs/models.md": {"architectures": lambda results: architectures_tables(read_csv(results / "architectures.csv"))},
    "docs/vocabulary.md": {"vocabulary": lambda _: f"```\n{vocabulary_table(None)}\n```"},
}
"""What writes the table between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->`` from ``results``, by page."""


def documentation(root: Path) -> Mapping[str, str]:
    """The pages with all tables generated from the committed files.

    Args:
        root: The repository's folder.

    Returns:
        Page contents by path.

    Raises:
        UserError: if a page or one of its marks is missing.
    """
    pages: dict[str, str] = {}
    for page, blocks in BLOCKS.items():
        content = read_text(root / page)
        for name, write in blocks.items():
            begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
            if begin not in content or end not in content:
                raise UserError(f"{root / page} lacks the marks {begin} and {end}; put them where the table belongs")
            before, rest = content.split(begin, 1)
            content = f"{before}{begin}\n{write(root / 'results')}\n{end}{rest.split(end, 1)[1]}"
        pages[page] = content
    return pages


def write_documentation(root: Path) -> list[str]:
    """Updates the pages whose tables have changed, and returns their paths."""
    changed = [(page, content) for page, content in documentation(root).items() if content != read_text(root / page)]
    for page, content in changed:
        write_text(root / page, content)
    return [page for page, _ in changed]
