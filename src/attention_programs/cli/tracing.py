"""The command that shows where a result came from."""

import json
from pathlib import Path
from typing import Annotated

import typer

from attention_programs.cli.app import Directory, Project, command


@command(
    "trace",
    "show where a result came from, and verify it",
    "trace iou/test/all/selected",
    "trace L5H1 --verify",
    "trace results/smollm2-135m/figures/perplexity.png --page trace.html",
    "trace smollm2-135m@latest-validated --verify --json",
)
def trace(
    thing: Annotated[
        str,
        typer.Argument(
            metavar="THING",
            show_default=False,
            help="a file or figure, a number of a summary, a head, a program's id or name, an MLflow run's id, or a "
            "surrogate (NAME@ALIAS or NAME/VERSION)",
        ),
    ],
    verify: Annotated[
        bool, typer.Option("--verify", help="compute every hash again; exit with 2 at the first that differs")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="write a page with links, too")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="the profile of a number, head or program; default: the current one")
    ] = "",
    project: Directory = None,
) -> None:
    """Prints what a result was made from, down to weights, texts, prompts and replies, settings, code and commits.

    Works without a network, from files alone: results and lock files are in git, data come with `dvc pull`. What is not
    here is shown with its recorded hash, and cannot be verified.
    """
    from attention_programs.provenance.subject import trace as record_of
    from attention_programs.provenance.tree import tree
    from attention_programs.provenance.verification import verify as check

    opened = Project.open(project)
    record = record_of(thing, profile or opened.config.profile, opened.root, Path.cwd())
    verification = check(record) if verify else None
    if as_json:
        print(json.dumps(record.to_json(verification.findings if verification else {}), indent=2, ensure_ascii=False))
    else:
        print("\n".join(tree(record, verification)))
    if page:
        from attention_programs.provenance.page import write_page

        write_page(page, record, opened.root, verification)
    if verification:
        if not as_json:
            print(f"\n{verification.summary()}")
        verification.require()
