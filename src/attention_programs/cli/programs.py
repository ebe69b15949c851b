"""Commands for programs written by hand or imported from elsewhere."""

import itertools
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attention_programs.cli.app import Directory, HeadName, Project, command, root_of
from attention_programs.cli.records import import_surrogate
from attention_programs.errors import UserError

if TYPE_CHECKING:  # commands import what they need: the help is there sooner
    from attention_programs.programs.record import ProgramRecord
    from attention_programs.untrusted.program_import import ImportedFile
    from attention_programs.untrusted.vetting import Vetting


@command(
    "import",
    "import programs from an untrusted file, or an exported surrogate",
    "import gpt2_programs.py --format paper",
    "import mine.py --format view",
    "import llama_programs.py --helpers helpers.py",
    "import surrogate.zip",
)
def import_programs(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            show_default=False,
            help="a Python file, which only ever runs in the sandbox, or a zip file that `export` wrote",
        ),
    ],
    format: Annotated[
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

    Of an exported surrogate, every hash is checked, its model is fetched, and its recorded losses are measured again;
    then it is registered here.
    """
    if file.suffix == ".zip":
        import_surrogate(file, project)
        return
    from attention_programs.attention.pattern_store import read_index, read_patterns
    from attention_programs.programs.prefix import PrefixTest
    from attention_programs.sparse_search.profile_search import PREFIX_TEXTS, prefix_views
    from attention_programs.untrusted.execution import SandboxRunner
    from attention_programs.untrusted.program_import import read_file, store
    from attention_programs.untrusted.vetting import vet

    opened = Project.open(project, compute=True)
    index = read_index(opened.paths.attention)
    texts = list(itertools.islice(read_patterns(opened.paths.attention, ["train"]), PREFIX_TEXTS))
    test = PrefixTest(prefix_views(texts))
    with SandboxRunner(opened.config.sandbox, opened.config.threads, index.token_style) as runner:
        imported = read_file(file, format, helpers)
        vetting = vet(imported.candidates, runner, test)
    folder = opened.config.synthesis.imported
    target = store(imported, opened.root / folder, file.stem, replace)
    print(_import_table(imported, vetting))
    print(f"stored in {folder}/{target.name}; `dvc repro` scores them along with all others")


def _import_table(file: "ImportedFile", vetting: "Vetting") -> str:
    """One line per program of an imported file; programs that lack the same helper share a line."""
    from attention_programs.programs.run_result import Reason
    from attention_programs.tables import table

    verdicts = {program.name: _verdict(program) for program in vetting.accepted}
    lacking = defaultdict[str, list[str]](list)
    for rejection in vetting.rejected:
        verdict = f"{rejection.reason}: {rejection.message}"
        if rejection.reason is Reason.MISSING_HELPER:
            lacking[verdict].append(rejection.candidate.name)
        else:
            verdicts[rejection.candidate.name] = verdict
    rows = [(each.name, verdicts[each.name]) for each in file.candidates if each.name in verdicts]
    rows += [
        (f"{names[0]} and {len(names) - 1} more" if names[1:] else names[0], verdict)
        for verdict, names in lacking.items()
    ]
    counts = [f"{count} {reason}" for reason, count in vetting.counts.items() if count]
    total = f"{len(vetting.accepted)} of {len(file.candidates)} programs run"
    return "\n".join([table(["", ""], rows), *file.remarks, "", f"{total} ({', '.join(counts)})" if counts else total])


def _verdict(program: "ProgramRecord") -> str:
    marks = ["looks ahead"] if program.prefix_test == "looks_ahead" else ["obeys the prefix rule"]
    marks += ["depends on the order of sets"] if program.set_order_matters else []
    return f"runs; {', '.join(marks)}"


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
