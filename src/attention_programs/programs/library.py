"""Programs in files: one function ``program(text)`` per file, named after what it does or after its head."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_text, sha256_text
from attention_programs.models.head import Head
from attention_programs.programs.methods import Author
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.run_result import Rejected
from attention_programs.programs.runner import Runner


def load_library(root: Path, folder: str, author: Author) -> list[ProgramRecord]:
    """Reads a library folder's general-purpose programs, without running them.

    Args:
        root: The project's folder.
        folder: Folder of ``*.py`` files, relative to ``root``.
        author: The author to record.

    Raises:
        UserError: if the folder is empty, or a file has no program.
    """
    files = sorted((root / folder).glob("*.py"))
    if not files:
        raise UserError(f"{root / folder} has no programs (*.py); correct the folder in params.yaml")
    return [_record(file, folder, file.stem, author, [], {}) for file in files]


def load_written_for(root: Path, folder: str, author: Author) -> list[ProgramRecord]:
    """Reads the programs written for the heads of one model, with the prompts that they were written from.

    Args:
        root: The project's folder.
        folder: Folder of files like ``L5H1.py``, each with its prompt in ``L5H1.md``; it need not exist.
        author: The author to record.

    Raises:
        UserError: if a file is not named after a head, has no prompt, or has no program.
    """
    programs = []
    for file in sorted((root / folder).glob("*.py")):
        try:
            head = str(Head.parse(file.stem))
        except UserError as error:
            raise UserError(f"{file}: {error}; or move it up a folder, to the general-purpose programs") from error
        prompt_file = file.with_suffix(".md")
        if not prompt_file.is_file():
            raise UserError(
                f"{prompt_file} does not exist; write it with `attention-programs prompt {head} > {prompt_file}`"
            )
        prompt = read_text(prompt_file)
        origin = {"prompt": prompt, "prompt_sha256": sha256_text(prompt)}
        programs.append(_record(file, folder, f"{author} {head}", author, [head], origin))
    return programs


def with_verdicts(programs: Sequence[ProgramRecord], runner: Runner, test: PrefixTest) -> Iterator[ProgramRecord]:
    """Yields programs read from files with the prefix test's verdict.

    Args:
        programs: The programs, as read.
        runner: Runs them; programs that don't ship with the package may need the sandbox.
        test: The prefix test.

    Raises:
        UserError: if one fails on a text.
    """
    for program in programs:
        outcomes = [runner.outcomes([program], text)[0] for text in test.texts]
        for outcome, text in zip(test.whole(outcomes), test.whole(test.texts), strict=True):
            if isinstance(outcome, Rejected):
                place = f"{program.provenance['file']}: {outcome.reason} on a text of {text.n} tokens"
                raise UserError(f"{place} ({outcome.message}); fix it")
        yield replace(program, prefix_test=test.verdict(outcomes))


def _record(
    file: Path, folder: str, name: str, author: Author, heads: list[str], origin: dict[str, str]
) -> ProgramRecord:
    provenance = {"author": author, "file": (Path(folder) / file.name).as_posix(), **origin}
    return make_record(read_text(file), name, author, "looks_ahead", heads, provenance, str(file))
