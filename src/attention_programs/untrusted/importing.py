"""Programs from a file of somebody else: read, run in the sandbox, and stored with their origin."""

from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.files import read_text, sha256_text
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.source import Form
from attention_programs.untrusted.execution import SandboxRunner
from attention_programs.untrusted.paper_format.importing import import_file
from attention_programs.untrusted.vetting import Admission, Candidate, admit, write_candidates


@dataclass(frozen=True)
class Intake:
    """What a file gave."""

    candidates: list[Candidate]
    remarks: list[str]
    """What of the file did not become part of a program, each with its line."""
    admission: Admission


def take_in(path: Path, form: Form, runner: SandboxRunner, test: PrefixTest, helpers: Path | None = None) -> Intake:
    """Reads a file's programs and runs each in the sandbox.

    Args:
        path: A Python file.
        form: ``view`` for one function ``program(text)``, ``paper`` for functions of sentence and tokenizer with the
            helpers beside them.
        runner: What runs them.
        test: The texts.
        helpers: A Python file of functions and constants that programs of the form ``paper`` use.

    Raises:
        UserError: if a file can't be read, the first holds no program, or helpers are given for the form ``view``.
    """
    if form == "view":
        if helpers is not None:
            raise UserError(f"--helpers {helpers}: only --form paper takes helpers; write them into {path} itself")
        source = read_text(path)
        provenance = {"author": "imported", "file": path.name, "file_sha256": sha256_text(source)}
        candidates = [Candidate(path.stem, source, "", "imported", "view", "program", [], provenance)]
        return Intake(candidates, [], admit(candidates, runner, test))
    found = import_file(path, helpers)
    candidates = [
        Candidate(
            name=each.program.entry,
            source=each.program.source,
            description=each.program.description,
            author="imported",
            form="paper",
            entry=each.program.entry,
            intended_heads=[str(head) for head in each.program.intended_heads],
            provenance={**each.provenance, "uses_spacy": each.program.uses_spacy},
        )
        for each in found.programs
    ]
    remarks = [str(remark) for remark in found.remarks]
    return Intake(candidates, remarks, admit(candidates, runner, test))


def store(intake: Intake, folder: Path, stem: str, replace: bool) -> Path:
    """Writes all candidates, the refused ones too: the synthesize stage examines them again on its own texts.

    Raises:
        UserError: if another import has the name already and may not be replaced.
    """
    target = folder / f"{stem}.jsonl"
    if target.exists() and not replace:
        raise UserError(f"{target} is there already; give --replace to write it anew, or rename your file")
    write_candidates(target, intake.candidates)
    return target
