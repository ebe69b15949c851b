"""Making a project and running its profiles."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from attention_programs.cli.app import Directory, Project, command, root_of
from attention_programs.errors import UserError

Profile = Annotated[str, typer.Option(help="a file name of conf/profile")]


@command("init", "make a project folder", "init heads-of-my-model")
def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="the folder, which must be empty or not yet there")
    ],
) -> None:
    """Makes a project folder: stages, settings of all profiles, corpora, programs that ship; starts git and DVC."""
    from attention_programs.project.folder import make_project

    make_project(directory)
    print(f"{directory} is a project now; run `cd {directory} && attention-programs reproduce --profile smoke`")


@command("configure", "make a profile the current one", "configure smoke")
def configure(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", show_default=False, help="a file name of conf/profile")],
    project: Directory = None,
) -> None:
    """Writes params.yaml for a profile."""
    from attention_programs.project.reproduction import configure as make_current

    make_current(profile, root_of(project))
    print(f"params.yaml now holds profile {profile!r}; run `dvc repro`, or `git checkout params.yaml dvc.lock`")


@command("reproduce", "run a whole profile", "reproduce", "reproduce --profile smoke --restore")
def reproduce(
    profile: Annotated[str, typer.Option(help="a file name of conf/profile; the current settings if not given")] = "",
    restore: Annotated[bool, typer.Option("--restore", help="put params.yaml and dvc.lock back afterwards")] = False,
    project: Directory = None,
) -> None:
    """Runs a whole profile: stages, publishing, summary."""
    from attention_programs.files import read_json
    from attention_programs.project import reproduction
    from attention_programs.report.summary import format_summary
    from attention_programs.tracking.publish import publish

    root = root_of(project)
    with reproduction.restored(root) if restore else contextlib.nullcontext():
        if profile:
            reproduction.configure(profile, root)
        reproduction.repro(root, [])
        opened = Project.open(root, compute=True)
        published = publish(opened.config, opened.paths, root)
        print(format_summary(read_json(opened.paths.results / "summary.json"), opened.config.model.name))
        print(
            f"\nMLflow: experiment {published.experiment_id}, run {published.run_id}; look at it with "
            "`attention-programs ui`"
        )
        print(f"report: {opened.paths.report / 'report.html'}")


@command("check-reproducibility", "rerun in a fresh clone and compare", "check-reproducibility --profile smoke")
def check_reproducibility(profile: Profile = "full", project: Directory = None) -> None:
    """Reruns a profile in a fresh clone with an empty cache and compares."""
    from attention_programs.project.reproducibility import check

    differences = check(root_of(project), profile)
    for line in differences.lines:
        print(line)
    if not differences.reproduced:
        raise UserError("not reproduced, see above; a stage is random, or its inputs are not in git")
    print("reproduced")
