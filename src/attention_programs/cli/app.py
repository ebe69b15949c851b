"""The application that all commands belong to, and what they share."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from attention_programs import __version__
from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.offline import QUIET
from attention_programs.paths import Paths, project_root
from attention_programs.project.stage import BAD_INPUT, prepare_process
from attention_programs.renamed import current_words, warned_in_a_line

Function = TypeVar("Function", bound=Callable[..., None])
NAME = "attention-programs"
STOPPED = 130
"""Exit code after Ctrl-C."""
EXTRAS = {
    "datasets": "pipeline",
    "distributed": "cluster",
    "dvc": "pipeline",
    "filelock": "pipeline",
    "gguf": "pipeline",
    "httpx2": "llm",
    "jinja2": "report",
    "lm_eval": "eval",
    "markupsafe": "report",
    "matplotlib": "report",
    "mlflow": "pipeline",
    "openai": "llm",
    "requests": "pipeline",
    "spacy": "linguistics",
    "sklearn": "pipeline",
    "sqlalchemy": "pipeline",
    "yaml": "report",
}
"""The extra that installs each optional module."""

# Help is plain text in terminals and pipes alike: it appears sooner, and examples can be copied from it.
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
Directory = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="DIR",
        show_default=False,
        help="project folder; default: the nearest folder with a params.yaml, from the working directory upwards",
    ),
]
Method = Annotated[str, typer.Option(help="which programs: selected, search, curated or a baseline")]
HeadName = Annotated[str, typer.Argument(metavar="HEAD", show_default=False, help="head name, such as L5H1")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback(epilog=f"Start with `{NAME} reproduce`, then `{NAME} heads` and `{NAME} show L5H1`.")
def _describe(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Explain attention heads by programs, inspect the results and reproduce them."""


def command(name: str, summary: str, *examples: str, group: typer.Typer = app) -> Callable[[Function], Function]:
    """Turns a function into a command, described by its docstring.

    Args:
        name: The command's name.
        summary: Its line in the list of commands.
        *examples: Examples of use, without the program's name.
        group: The application or group it belongs to.
    """
    lines = "\n".join(f"  {NAME} {example}" for example in examples)
    return group.command(name, short_help=summary, epilog=f"\b\nexamples:\n{lines}")


@dataclass(frozen=True)
class Project:
    """The project that a command works in."""

    root: Path
    config: Config
    paths: Paths

    @classmethod
    def open(cls, directory: Path | None, compute: bool = False) -> "Project":
        """Reads a project's settings.

        Args:
            directory: The value of ``--project``.
            compute: Whether to prepare this process for computing, which takes seconds.

        Raises:
            UserError: if there is no such project, or its settings are invalid.
        """
        root = root_of(directory)
        config = load_config(root / "params.yaml")
        if compute:
            prepare_process(config)
        return cls(root, config, Paths.of(config, root))


def root_of(directory: Path | None) -> Path:
    """The folder of the project that a command works in.

    Raises:
        UserError: if there is none.
    """
    if directory is None:
        return project_root(Path.cwd())
    if not (directory / "params.yaml").is_file():
        raise UserError(f"{directory} has no params.yaml; give a project folder, as created by `{NAME} init`")
    return directory.resolve()


def run(arguments: list[str] | None = None) -> int:
    """Runs one command; bad input ends in a one-line message and exit code 2."""
    # Must be set before torch is first imported: threads that spin while waiting slow a shared machine tenfold.
    for name, value in {**QUIET, "OMP_WAIT_POLICY": "PASSIVE"}.items():
        os.environ.setdefault(name, value)
    try:
        with warned_in_a_line():
            words = current_words(sys.argv[1:] if arguments is None else arguments)
            code = app(words, prog_name=NAME, standalone_mode=False) or 0
        if code == STOPPED:
            print("stopped", file=sys.stderr)
        return code
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except typer.TyperException as error:  # unknown command, argument or option
        print(f"error: {error.format_message().rstrip('.')}; see `{NAME} --help`", file=sys.stderr)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".", maxsplit=1)[0])
        if extra is None:
            raise
        print(f"error: {error.name} is not installed; install {NAME}[{extra}]", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return BAD_INPUT
