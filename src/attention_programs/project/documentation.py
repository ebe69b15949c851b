"""The parts of README and docs that are generated from committed files: tables between two marks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_json, read_text, write_text
from attention_programs.project.headline import headline
from attention_programs.report.markdown import numbers, sources_block, speed_table
from attention_programs.report.targets import kept_summaries, targets_table
from attention_programs.report.terminal import vocabulary_table


@dataclass(frozen=True)
class Block:
    """A generated table on a page."""

    page: str
    """Path of the page in the repository."""
    name: str
    """NAME in its marks ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``."""
    write: Callable[[Path], str]
    """Generates the text between the marks from the folder ``results``."""


DEFAULT = "smollm2-135m"
"""The profile whose results are shown."""
BLOCKS = (
    Block("README.md", "headline", lambda results: headline(read_json(results / DEFAULT / "summary.json"))),
    Block("docs/results.md", "targets", lambda results: targets_table(kept_summaries(results))),
    Block("docs/results.md", "numbers", lambda results: numbers(read_json(results / DEFAULT / "summary.json"))),
    Block("docs/results.md", "sources", lambda results: sources_block(results / DEFAULT)),
    Block("docs/performance.md", "speed", lambda results: speed_table(read_json(results / "bench.json"))),
    Block("docs/vocabulary.md", "vocabulary", lambda _: f"```\n{vocabulary_table(None)}\n```"),
)


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
    for block in BLOCKS:
        content = pages.get(block.page) or read_text(root / block.page)
        begin, end = f"<!-- {block.name}: begin -->", f"<!-- {block.name}: end -->"
        if begin not in content or end not in content:
            raise UserError(f"{root / block.page} lacks the marks {begin} and {end}; add them where the table belongs")
        before, rest = content.split(begin, 1)
        pages[block.page] = f"{before}{begin}\n{block.write(root / 'results')}\n{end}{rest.split(end, 1)[1]}"
    return pages


def write_documentation(root: Path) -> list[str]:
    """Updates the pages whose tables have changed, and returns their paths."""
    changed = [(page, content) for page, content in documentation(root).items() if content != read_text(root / page)]
    for page, content in changed:
        write_text(root / page, content)
    return [page for page, _ in changed]
