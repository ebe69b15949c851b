"""Commands that show heads and the vocabulary of their programs."""

import contextlib
import shutil
from pathlib import Path
from typing import Annotated, Literal

import typer

from attention_programs.cli.app import Directory, HeadName, Method, Project, command
from attention_programs.errors import UserError


@command(
    "show",
    "show a head's program, scores and patterns",
    "show L5H1",
    'show L5H1 --text "The cat sat." --html head.html',
)
def show(
    head: HeadName,
    method: Method = "selected",
    text: Annotated[str, typer.Option(help="your own text; default: the first test text")] = "",
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="also write an HTML page")
    ] = None,
    project: Directory = None,
) -> None:
    """Prints a head's program, scores, tokens and patterns; with --html, also writes a page."""
    from attention_programs.report.head_view import head_page, head_view
    from attention_programs.report.terminal import describe_program, draw_patterns

    opened = Project.open(project, compute=bool(text))
    view = head_view(opened.config, opened.paths, head, method, text)
    print(describe_program(view.program))
    print(f"\nhead {view.head}, method {method}: {view.scores}\n")
    width = max((shutil.get_terminal_size((140, 40)).columns - 22) // 2, 8)
    print(draw_patterns(view.token_strings, view.true_pattern, view.predicted, width))
    if html:
        print(f"\npage: {head_page(view, html.absolute())}")


@command("heads", "list heads with their programs", "heads --sort iou --limit 20", "heads --method first_token")
def heads(
    method: Method = "selected",
    sort: Annotated[Literal["name", "iou"], typer.Option(help="sort by name or by test IoU")] = "name",
    limit: Annotated[int, typer.Option(help="maximum number of lines; 0 for all")] = 0,
    project: Directory = None,
) -> None:
    """Prints the table of heads."""
    from attention_programs.files import read_csv
    from attention_programs.programs.record import read_programs
    from attention_programs.report.terminal import head_table

    if limit < 0:
        raise UserError(f"--limit can't be negative, but is {limit}; give a number of lines, or 0 for all")
    paths = Project.open(project).paths
    table = read_csv(paths.results / "heads.csv")
    methods = list(table["method"].unique())
    if method not in methods:
        raise UserError(f"method {method!r} is unknown; heads.csv has {', '.join(methods)}")
    table = table[table["method"] == method]
    if sort == "iou":
        table = table.sort_values("iou_test", ascending=False, kind="stable")
    print(head_table(table.head(limit or len(table)), {p.id: p for p in read_programs(paths.programs)}))


@command("vocabulary", "list the terms that programs can use", "vocabulary | less", "vocabulary --term secondary_sink")
def vocabulary(
    term: Annotated[str, typer.Option(metavar="NAME", help="describe one term, with an example")] = "",
    project: Directory = None,
) -> None:
    """Prints the terms that programs can use and, if there are results, the heads that use them."""
    from attention_programs.report.terminal import describe_term, vocabulary_table

    uses = _heads_by_term(project)
    print(describe_term(term, uses) if term else vocabulary_table(uses))


def _heads_by_term(project: Path | None) -> dict[str, list[str]] | None:
    from attention_programs.programs.record import read_programs
    from attention_programs.report.result_tables import read_table
    from attention_programs.report.terminal import heads_by_term

    with contextlib.nullcontext() if project else contextlib.suppress(UserError):
        paths = Project.open(project).paths
        if paths.programs.is_file() and (paths.results / "heads.csv").is_file():
            programs = {record.id: record for record in read_programs(paths.programs)}
            return heads_by_term(read_table(paths.results, "heads.csv"), programs)
    return None
