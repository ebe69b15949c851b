"""Commands on a profile's results: summary, MLflow record, registered surrogates."""

from pathlib import Path
from typing import Annotated

import typer

from attention_programs.cli.app import Directory, Project, app, command, root_of

surrogate = typer.Typer(
    rich_markup_mode=None,
    epilog="\b\nexamples:\n  attention-programs surrogate info smollm2-135m@latest-validated\n"
    "  attention-programs surrogate info smollm2-135m --verify",
)
app.add_typer(
    surrogate, name="surrogate", help="Registered surrogate models.", short_help="inspect registered surrogates"
)


@surrogate.callback()
def _describe() -> None:
    """Registered surrogate models."""


@command(
    "info",
    "show its replaced heads and results",
    "surrogate info smollm2-135m@latest-validated",
    "surrogate info smollm2-135m --verify",
    group=surrogate,
)
def show_surrogate(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="NAME, NAME@ALIAS or NAME/VERSION")],
    verify: Annotated[
        bool, typer.Option("--verify", help="load the model and measure the recorded test texts again")
    ] = False,
    project: Directory = None,
) -> None:
    """Describes a registered surrogate; with --verify, measures it again."""
    from attention_programs.tables import table
    from attention_programs.tracking.lookup import surrogate_info

    root = root_of(project)
    info = surrogate_info(name, root)
    print(f"{info.name} version {info.version} ({', '.join(info.aliases) or 'no alias'})\n\n{info.description}\n")
    print(table(["tag", "value"], sorted(info.tags.items())))
    print(f"\n{len(info.assignment)} heads replaced:\n")
    programs = [(str(h), p.id[:12], f"{p.name}: {p.description}") for h, p in info.assignment.items()]
    print(table(["head", "id", "program"], programs))
    if verify:
        from attention_programs.tracking.model_registry import verify_surrogate

        Project.open(root, compute=True)
        again = verify_surrogate(name, root)
        print(f"\n{again.summary()}")
        again.check()


@command("summary", "print the main numbers", "summary", "summary --write")
def summary(
    write: Annotated[bool, typer.Option("--write", help="update the tables in README and docs from results/")] = False,
    project: Directory = None,
) -> None:
    """Prints the current profile's summary; with --write, updates the tables in README and docs instead."""
    from attention_programs.files import read_json
    from attention_programs.report.summary import format_summary

    opened = Project.open(project)
    if write:
        from attention_programs.project.documentation import write_documentation

        pages = write_documentation(opened.root)
        print("\n".join(f"updated: {page}" for page in pages) or "README and docs are up to date")
        return
    print(format_summary(read_json(opened.paths.results / "summary.json"), opened.config.model.name))


@command("publish", "write the current results to MLflow", "publish")
def publish(project: Directory = None) -> None:
    """Writes the results of the current profile to MLflow: to the project's own store or to a tracking server.

    MLFLOW_TRACKING_URI names the server (http://HOST:PORT); MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD log
    in.
    """
    from attention_programs.tracking.publish import publish as write
    from attention_programs.tracking.server import server_address

    opened = Project.open(project, compute=True)
    published = write(opened.config, opened.paths, opened.root)
    print(f"experiment {published.experiment_id}, run {published.run_id}, {published.programs} programs")
    if address := server_address():
        print(f"{address}/{published.url}")
    print(f"{published.model} version {published.version}: gate {published.gate}")


@command(
    "ui",
    "open MLflow's UI on the local store",
    "ui --port 5001",
    "ui --host 0.0.0.0 --allowed-hosts 'lab.example.org,lab.example.org:*'",
)
def ui(
    host: Annotated[str, typer.Option(help="address to serve on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to serve on")] = 5000,
    allowed_hosts: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            show_default=False,
            help="names that browsers may ask for, separated by commas, * for any letters; default: those of this "
            "machine and of private networks",
        ),
    ] = "",
    project: Directory = None,
) -> None:
    """Serves MLflow's UI on the local store until stopped.

    If MLFLOW_TRACKING_URI names a tracking server, prints its address of the runs instead.
    """
    from attention_programs.tracking.pages import Listening, show
    from attention_programs.tracking.store import EXPERIMENT

    show(root_of(project), EXPERIMENT, Listening(host, port, allowed_hosts))


export = typer.Typer(
    rich_markup_mode=None,
    epilog="\b\nexamples:\n  attention-programs export surrogate smollm2-135m@latest-validated surrogate.zip",
)
app.add_typer(export, name="export", help="Export to files.", short_help="export a surrogate as a file")


@export.callback()
def _describe_export() -> None:
    """Exports what is registered, as files for other people and machines."""


@command(
    "surrogate",
    "write a registered surrogate with its record into one file",
    "export surrogate smollm2-135m@latest-validated surrogate.zip",
    group=export,
)
def export_surrogate(
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="NAME, NAME@ALIAS or NAME/VERSION")],
    out: Annotated[Path, typer.Argument(metavar="OUT", show_default=False, help="the zip file to write")],
    license_address: Annotated[
        str, typer.Option("--license", metavar="URL", help="address of the licence that you give it")
    ] = "https://spdx.org/licenses/Apache-2.0",
    project: Directory = None,
) -> None:
    """Writes a research object (RO-Crate 1.2): programs, assignment, results, prompts, settings and lock files.

    The weights are not in it; `import` fetches them from where they came from, and checks their hash.
    """
    from attention_programs.crate.archive import write_crate
    from attention_programs.crate.contents import collect

    contents = collect(name, root_of(project))
    write_crate(out, contents, license_address)
    print(f"{out}: {contents.name} version {contents.version}, {len(contents.files)} files")


def import_surrogate(crate: Path, project: Path | None) -> None:
    """Registers an exported surrogate in a project, after measuring it again there."""
    from attention_programs.crate.importing import import_crate

    opened = Project.open(project, compute=True)
    found = import_crate(crate, opened.root)
    print(found.measured.summary())
    print(f"{found.name} version {found.version}{'' if found.added else ' was registered before; nothing added'}")
