"""Commands that create a project and run its profiles."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from attention_programs.cli.app import Directory, Project, command, root_of
from attention_programs.errors import UserError

Profile = Annotated[str, typer.Option(help="name of a file in conf/profile")]


@command("init", "create a project folder", "init heads-of-my-model")
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="the folder to create, or an empty one")
    ],
) -> None:
    """Creates a project folder with stages, profiles, corpora and the shipped programs; initialises git and DVC."""
    from attention_programs.project.folder import make_project

    make_project(directory)
    print(f"created {directory}; next, run `cd {directory} && attention-programs reproduce --profile smoke`")


@command("configure", "switch to a profile", "configure smoke")
def configure(
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", show_default=False, help="name of a file in conf/profile")
    ],
    project: Directory = None,
) -> None:
    """Writes a profile's settings to params.yaml."""
    from attention_programs.project.reproduction import configure as make_current
    from attention_programs.project.run_lock import only_run

    with only_run(root := root_of(project)):
        make_current(profile, root)
    print(f"params.yaml now has profile {profile!r}; run `dvc repro`, or undo with `git checkout params.yaml dvc.lock`")


@command(
    "reproduce",
    "run a profile end to end, or explain another model",
    "reproduce",
    "reproduce --profile smoke --restore",
    "reproduce --model openai-community/gpt2",
    "reproduce --model owner/name@v1.0 --tokens 128",
    "reproduce --model ~/models/mine --corpus letters.txt --corpus notes=notes.jsonl",
    "reproduce --model mine.gguf --heads 'every 4' --profile smoke",
    "reproduce --model gemma-3-270m",
    "reproduce --cluster tcp://10.0.0.1:8786",
)
def reproduce(
    profile: Annotated[
        str,
        typer.Option(
            help="name of a file in conf/profile; default: the current settings. With --model: its other settings are "
            "taken"
        ),
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            metavar="ID_OR_PATH",
            help="explain this model: a name in conf/model, a folder of transformers, a GGUF file, or an id on the "
            "hub (owner/name, or owner/name@revision)",
        ),
    ] = "",
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="with --model: explain it on these texts, as FILE or NAME=FILE: .jsonl with a text in each line, or "
            ".txt with blank lines between texts; may be repeated",
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(min=2, metavar="N", help="with --model: tokens of each text that are kept; default: 64"),
    ] = None,
    heads: Annotated[
        str,
        typer.Option(
            show_default=False, help="with --model: the heads to explain: all, 'every K', or names such as L5H1,L5H2"
        ),
    ] = "",
    cluster: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            show_default=False,
            help="have the workers of this Dask scheduler, such as tcp://10.0.0.1:8786, do the tasks of the stages "
            "attention and score; 'local' for workers on this machine",
        ),
    ] = "",
    restore: Annotated[bool, typer.Option("--restore", help="restore params.yaml and dvc.lock afterwards")] = False,
    project: Directory = None,
) -> None:
    """Runs a profile end to end: all stages, publishing to MLflow, summary.

    With --model, writes a profile for the model (in conf/profile, with its own results) and runs that: tries the
    architecture first, then says what is left out and about what time, memory and disk are needed. Run the same command
    again to resume.
    """
    from attention_programs.config import load_config
    from attention_programs.files import read_json
    from attention_programs.project import reproduction
    from attention_programs.project.given_files import check_given_files
    from attention_programs.project.own_profile import Wanted
    from attention_programs.project.preparation import prepare
    from attention_programs.project.run_lock import only_run
    from attention_programs.report.summary import format_summary
    from attention_programs.tracking.publish import publish
    from attention_programs.tracking.server import server_address

    root = root_of(project)
    server_address()  # a bad one is said now, not after hours
    if not model and (corpus or tokens or heads):
        raise UserError("--corpus, --tokens and --heads go with --model; name one, such as smollm2-135m")
    with only_run(root), reproduction.restored(root) if restore else contextlib.nullcontext():
        if model:
            prepare(Wanted(model, tuple(corpus or ()), tokens or 0, heads, profile), root, Path.cwd())
        elif profile:
            reproduction.configure(profile, root)
        check_given_files(load_config(root / "params.yaml"), root)
        reproduction.repro(root, [], cluster)
        opened = Project.open(root, compute=True)
        published = publish(opened.config, opened.paths, root)
        print(format_summary(read_json(opened.paths.results / "summary.json"), opened.config.model.name))
        print(
            f"\nMLflow: experiment {published.experiment_id}, run {published.run_id}; browse it with "
            "`attention-programs ui`"
        )
        print(f"report: {opened.paths.report / 'report.html'}")


@command("check-reproducibility", "rerun in a fresh clone and compare", "check-reproducibility --profile smoke")
def check_reproducibility(profile: Profile = "full", project: Directory = None) -> None:
    """Reruns a profile in a fresh clone with an empty cache and compares the outputs."""
    from attention_programs.project.reproducibility import check

    differences = check(root_of(project), profile)
    for line in differences.lines:
        print(line)
    if not differences.reproduced:
        raise UserError("not reproduced, see above; a stage is not deterministic, or its inputs are not in git")
    print("reproduced")
