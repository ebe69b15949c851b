"""The command that compares models."""

from typing import Annotated

import typer

from attention_programs.cli.app import Directory, command, root_of


@command(
    "compare-models",
    "put the models of several profiles side by side",
    "compare-models",
    "compare-models smollm2-135m gemma-3-270m",
    "compare-models --results-only",
)
def compare_models(
    profiles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROFILE",
            show_default=False,
            help="names of folders in results; default: those of comparison/params.yaml, which is rewritten otherwise",
        ),
    ] = None,
    results_only: Annotated[
        bool, typer.Option("--results-only", help="write only results/models.csv, which needs no data of the profiles")
    ] = False,
    project: Directory = None,
) -> None:
    """Compares models: main numbers beside the paper's, one library of programs for all heads, and transfer.

    Scores the programs that the search found on each model on the heads of every model, which takes minutes. Run the
    same command again to resume.
    """
    from attention_programs.project.comparison import compare_models as compare

    root = root_of(project)
    for path in compare(root, profiles or [], results_only):
        print(f"written: {path.relative_to(root)}")
    print("next: `attention-programs summary --write` updates the docs, `dvc repro -s -f report` the profile's report")
