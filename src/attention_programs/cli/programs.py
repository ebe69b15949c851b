"""Commands for programs written by hand or imported from elsewhere."""

import itertools
from pathlib import Path
from typing import Annotated, Literal

import typer

from attention_programs.cli.app import Directory, HeadName, Project, command, root_of
from attention_programs.errors import UserError


@command(
    "import",
    "import programs from an untrusted file",
    "import gpt2_programs.py --format paper",
    "import mine.py --format view",
    "import llama_programs.py --helpers helpers.py",
)
def import_programs(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="a Python file; it only ever runs in the sandbox")
    ],
    form: Annotated[
        Literal["paper", "view"],
        typer.Option(
            "--format",
            help="functions f(sentence, tokenizer) -> (name, matrix) with their helpers, or one function program(text)",
        ),
    ] = "paper",
    helpers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="a Python file of functions that FILE uses but does not define"),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="overwrite an earlier import of the same name")] = False,
    project: Directory = None,
) -> None:
    """Imports programs from a Python file: runs them in the sandbox and stores them with their origin.

    The file's own code never runs outside the sandbox. Rejected programs are stored too, and the reasons shown.
    """
    from attention_programs.attention.pattern_store import read_index, read_patterns
    from attention_programs.programs.prefix import PrefixTest
    from attention_programs.report.import_table import import_table
    from attention_programs.sparse_search.profile_search import PREFIX_TEXTS, prefix_views
    from attention_programs.untrusted.execution import SandboxRunner
    from attention_programs.untrusted.program_import import store, vet_file

    opened = Project.open(project, compute=True)
    index = read_index(opened.paths.attention)
    texts = list(itertools.islice(read_patterns(opened.paths.attention, ["train"]), PREFIX_TEXTS))
    test = PrefixTest(prefix_views(texts, index))
    with SandboxRunner(opened.config.sandbox, opened.config.threads, index.token_style) as runner:
        imported = vet_file(file, form, runner, test, helpers)
    folder = opened.config.synthesis.imported
    target = store(imported, opened.root / folder, file.stem, replace)
    print(import_table(imported))
    print(f"stored in {folder}/{target.name}; `dvc repro` scores them along with all others")


@command("try", "try your own program on a head", "try mine.py L5H1", "try mine.py L5H1 --fit 200")
def try_by_hand(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="a Python file with one function program(text)")
    ],
    head: HeadName,
    fit: Annotated[int, typer.Option(metavar="N", help="fit its coefficients, in N evaluations")] = 0,
    project: Directory = None,
) -> None:
    """Scores your own program on a head's training texts, next to the search's; with --fit, fits its coefficients."""
    from attention_programs.llm.session import open_session
    from attention_programs.llm.trying import try_program

    if fit < 0:
        raise UserError(f"--fit can't be negative, but is {fit}; give a number of evaluations, or 0 for none")
    opened = Project.open(project, compute=True)
    with open_session(opened.config, opened.paths) as session:
        print(try_program(session, file, session.selected_head(head), fit).table())


@command(
    "validate",
    "check settings, corpora and programs",
    "validate",
    "validate corpora/mine.jsonl library/curated/mine.py",
)
def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="corpus (.jsonl), program (.py) or settings (.yaml); default: all of the project's",
        ),
    ] = None,
    project: Directory = None,
) -> None:
    """Checks settings, corpora and programs without running any stage."""
    from attention_programs.project.file_checks import validate_files, validate_project

    for line in validate_files(files) if files else validate_project(root_of(project)):
        print(f"ok: {line}")
