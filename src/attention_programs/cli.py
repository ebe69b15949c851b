"""The command line: one subcommand for each thing a person does."""

import argparse
import contextlib
import dataclasses
import itertools
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from attention_programs.command_line import Command, make_parser
from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.paths import Paths, repository_root
from attention_programs.project.stage import BAD_INPUT, prepare_process

# Has to be set before torch is first imported. Threads that spin while they wait slow a shared machine down tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _context() -> tuple[Config, Paths, Path]:
    """What there is to look at."""
    root = repository_root()
    os.chdir(root)  # programs that ship are known by their path in the repository
    config = load_config(root / "params.yaml")
    return config, Paths.of(config, root), root


def _context_of_work() -> tuple[Config, Paths, Path]:
    """The same in a process that is ready to compute, which takes seconds."""
    context = _context()
    prepare_process(context[0])
    return context


def show(arguments: argparse.Namespace) -> None:
    """Prints a head's program, scores, tokens and maps; writes a page if asked."""
    from attention_programs.report.head_view import head_view
    from attention_programs.report.terminal import describe_program, draw_maps

    page = Path(arguments.html).resolve()
    config, paths, _ = _context_of_work() if arguments.text else _context()
    view = head_view(config, paths, arguments.head, arguments.method, arguments.text)
    print(describe_program(view.program))
    print(f"\nhead {view.head}, method {arguments.method}: {view.scores}\n")
    width = max((shutil.get_terminal_size((140, 40)).columns - 22) // 2, 8)
    print(draw_maps(view.pieces, view.real, view.predicted, width))
    if arguments.html:
        from attention_programs.report.head_page import head_page

        print(f"\npage: {head_page(view, page)}")


def heads(arguments: argparse.Namespace) -> None:
    """Prints the table of heads."""
    from attention_programs.files import read_csv
    from attention_programs.programs.table import read_programs
    from attention_programs.report.terminal import head_table

    if arguments.limit < 0:
        raise UserError(f"--limit is {arguments.limit}; give the number of lines, or 0 for all")
    _, paths, _ = _context()
    table = read_csv(paths.results / "heads.csv")
    methods = list(table["method"].unique())
    if arguments.method not in methods:
        raise UserError(f"method {arguments.method!r} is unknown; heads.csv has {', '.join(methods)}")
    table = table[table["method"] == arguments.method]
    if arguments.sort == "iou":
        table = table.sort_values("iou_test", ascending=False, kind="stable")
    print(head_table(table.head(arguments.limit or len(table)), {p.id: p for p in read_programs(paths.programs)}))


def surrogate_info(arguments: argparse.Namespace) -> None:
    """Prints what a registered surrogate is; measures it again if asked."""
    from attention_programs.tracking.registry import surrogate_info as look_up
    from attention_programs.tracking.registry import verify_surrogate

    _, _, root = _context_of_work()
    info = look_up(arguments.name, root=root)
    print(f"{info.name} version {info.version} ({', '.join(info.aliases) or 'no alias'})\n\n{info.description}\n")
    for key, value in sorted(info.tags.items()):
        print(f"  {key:32} {value}")
    print(f"\n{len(info.assignment)} heads replaced:")
    for replaced in info.assignment:
        print(f"  {replaced.head:7} {replaced.program_id[:12]}  {replaced.program_name}: {replaced.description}")
    if arguments.verify:
        again = verify_surrogate(arguments.name, root)
        print(f"\n{again.summary()}")
        again.check()


def validate(arguments: argparse.Namespace) -> None:
    """Checks settings, corpora and programs without running anything."""
    from attention_programs.project.validation import validate_files, validate_project

    root = repository_root()
    files = [Path(file) for file in arguments.files]
    for line in validate_files(files) if files else validate_project(root):
        print(f"ok: {line}")


def import_programs(arguments: argparse.Namespace) -> None:
    """Reads programs from a Python file, runs them in the sandbox, and stores them with their origin.

    The file's own code is never run outside the sandbox. What is refused is stored too, with its reason shown.
    """
    from attention_programs.attention.store import read_index, read_maps
    from attention_programs.programs.prefix import PrefixTest
    from attention_programs.programs.view import TokenView
    from attention_programs.report.intake_table import intake_table
    from attention_programs.sparse_search.searched import PREFIX_TEXTS
    from attention_programs.untrusted.execution import SandboxRunner
    from attention_programs.untrusted.importing import store, take_in

    file = Path(arguments.file).resolve()
    helpers = Path(arguments.helpers).resolve() if arguments.helpers else None
    config, paths, root = _context_of_work()
    index = read_index(paths.attention)
    texts = itertools.islice(read_maps(paths.attention, ["train"]), PREFIX_TEXTS)
    test = PrefixTest([TokenView.of(text) for text in texts])
    with SandboxRunner(config.sandbox, config.threads, index.token_style) as runner:
        intake = take_in(file, arguments.form, runner, test, helpers)
    target = store(intake, root / config.synthesis.imported, file.stem, arguments.replace)
    print(intake_table(intake))
    print(f"stored in {target.relative_to(root)}; `dvc repro` scores them beside all others")


def prompt(arguments: argparse.Namespace) -> None:
    """Prints what the language model is first told of a head, and asked."""
    from attention_programs.llm.session import open_session

    config, paths, _ = _context_of_work()
    with open_session(config, paths) as session:
        written = session.explainer.first_prompt(_studied(arguments.head, session.index.heads))
    for message in written.messages if arguments.whole else written.messages[-1:]:
        print(f"--- {message['role']}\n{message['content']}")
    print(f"about {written.tokens} tokens of {config.explainer.prompt_tokens}", file=sys.stderr)


def try_by_hand(arguments: argparse.Namespace) -> None:
    """Tries a program of your own on a head, on training texts, beside the search's; fits its numbers if asked."""
    from attention_programs.llm.session import open_session
    from attention_programs.llm.trying import try_program

    file = Path(arguments.file).resolve()
    if arguments.fit < 0:
        raise UserError(f"--fit is {arguments.fit}; give the number of evaluations, or 0 for none")
    config, paths, _ = _context_of_work()
    with open_session(config, paths) as session:
        head = _studied(arguments.head, session.index.heads)
        print(try_program(session, file, head, arguments.fit).table())


def _studied(head: str, heads: Sequence[str]) -> str:
    if head not in heads:
        raise UserError(f"head {head!r} is none of the {len(heads)} studied heads (like {heads[0]})")
    return head


def synthesize(arguments: argparse.Namespace) -> None:
    """Has a language model write programs for heads, tries them, and has each revised.

    Every reply is kept in library/exchanges at once: a run that was stopped goes on without paying twice, and
    `dvc repro` takes the programs from there. The key is read from the environment variable that
    explainer.key_variable names.
    """
    from attention_programs.llm import command
    from attention_programs.tracking.traces import traced

    config, paths, root = _context_of_work()
    settings = command.with_options(
        config.explainer,
        heads=arguments.heads,
        model=arguments.model,
        base_url=arguments.base_url,
        refinements=arguments.refinements,
        reply_tokens=arguments.reply_tokens,
        reply_tokens_name=arguments.reply_tokens_name,
        leave_out=arguments.leave_out,
        most_tokens=arguments.most_tokens,
        most_cost=arguments.most_cost,
    )
    given = {"export": arguments.export_batch, "import": arguments.import_batch}
    files = {name: Path(value).resolve() for name, value in given.items() if value}
    with traced(root):
        command.run(dataclasses.replace(config, explainer=settings), paths, files)


def vocabulary(arguments: argparse.Namespace) -> None:
    """Prints the terms that programs speak, with the heads that use them where there are results."""
    from attention_programs.report.terminal import describe_term, vocabulary_table

    uses = _heads_by_term()
    print(describe_term(arguments.term, uses) if arguments.term else vocabulary_table(uses))


def _heads_by_term() -> dict[str, list[str]] | None:
    """Which heads of the current profile use each term; None where project, settings or results are missing."""
    from attention_programs.programs.table import read_programs
    from attention_programs.report.results import read_table
    from attention_programs.report.terminal import heads_by_term

    try:
        _, paths, _ = _context()
    except UserError:
        return None
    if not (paths.programs.is_file() and (paths.results / "heads.csv").is_file()):
        return None
    programs = {record.id: record for record in read_programs(paths.programs)}
    return heads_by_term(read_table(paths.results, "heads.csv"), programs)


def configure(arguments: argparse.Namespace) -> None:
    """Writes params.yaml for a profile."""
    from attention_programs.project.reproduction import configure as make_current

    root = repository_root()
    make_current(arguments.profile, root)
    print(
        f"params.yaml now holds profile {arguments.profile!r}; run `dvc repro`, or `git checkout params.yaml dvc.lock`"
    )


def reproduce(arguments: argparse.Namespace) -> None:
    """Runs a whole profile: stages, publishing, summary."""
    from attention_programs.files import read_json
    from attention_programs.offline import QUIET
    from attention_programs.project import reproduction
    from attention_programs.report.summary import format_summary
    from attention_programs.tracking.publish import publish

    root = repository_root()
    os.chdir(root)
    os.environ.update(QUIET)
    with reproduction.restored(root) if arguments.restore else contextlib.nullcontext():
        if arguments.profile:
            reproduction.configure(arguments.profile, root)
        reproduction.repro(root, [])
        config, paths, _ = _context_of_work()
        published = publish(config, paths, root)
        print(format_summary(read_json(paths.results / "summary.json"), config.model.name))
        print(f"\nMLflow: experiment {published.experiment_id}, run {published.run_id}; look at it with `make ui`")
        print(f"report: {paths.report / 'report.html'}")


def ui(arguments: argparse.Namespace) -> None:
    """Serves MLflow's pages on the local store until stopped."""
    from attention_programs.tracking.pages import serve
    from attention_programs.tracking.store import EXPERIMENT

    _, _, root = _context()
    serve(root, EXPERIMENT, arguments.host, arguments.port)


def summary(arguments: argparse.Namespace) -> None:
    """Prints the summary of the current profile, or writes the tables of README and docs from the committed files."""
    from attention_programs.files import read_json
    from attention_programs.report.summary import format_summary

    config, paths, root = _context()
    if arguments.write:
        from attention_programs.project.documentation import write_documentation

        print("\n".join(f"written: {page}" for page in write_documentation(root)) or "README and docs are up to date")
        return
    print(format_summary(read_json(paths.results / "summary.json"), config.model.name))


def publish_results(_: argparse.Namespace) -> None:
    """Writes the results of the current profile to MLflow."""
    from attention_programs.tracking.publish import publish

    config, paths, root = _context_of_work()
    published = publish(config, paths, root)
    print(f"experiment {published.experiment_id}, run {published.run_id}, {published.programs} programs")
    print(f"{published.model} version {published.version}: gate {published.gate}")


def check_reproducibility(arguments: argparse.Namespace) -> None:
    """Reruns a profile in a fresh clone with an empty cache and compares."""
    from attention_programs.project.reproducibility import check

    differences = check(repository_root(), arguments.profile)
    for line in differences.lines:
        print(line)
    if not differences.reproduced:
        raise UserError("not reproduced, see above; a stage is random, or its inputs are not in git")
    print("reproduced")


EXTRAS = {
    "datasets": "pipeline",
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
    "spacy": "linguistics",
    "sqlalchemy": "pipeline",
    "yaml": "report",
}
"""Which extra brings a module that the core does without."""
COMMANDS: dict[str, Command] = {
    "show": show,
    "heads": heads,
    "surrogate info": surrogate_info,
    "validate": validate,
    "import": import_programs,
    "vocabulary": vocabulary,
    "synthesize": synthesize,
    "prompt": prompt,
    "try": try_by_hand,
    "configure": configure,
    "reproduce": reproduce,
    "summary": summary,
    "ui": ui,
    "publish": publish_results,
    "check-reproducibility": check_reproducibility,
}


def main(argv: list[str] | None = None) -> int:
    """Runs one command; bad input ends with one line and exit code 2."""
    arguments = make_parser(COMMANDS).parse_args(argv)
    try:
        arguments.run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".", maxsplit=1)[0])
        if extra is None:
            raise
        print(f"error: {error.name} is not installed; install attention-programs[{extra}]", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
