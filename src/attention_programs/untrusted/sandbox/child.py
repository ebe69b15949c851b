"""What a program's own process does: runs all texts, writes the results to the shared buffer, and exits."""

import __future__

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attention_programs.programs.run_result import FILE, Reason, Rejected, as_weights, describe
from attention_programs.programs.source import ProgramFormat
from attention_programs.programs.view import TokenView
from attention_programs.untrusted.paper_format import stubs
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.paper_format.stub import NotInStubError
from attention_programs.untrusted.sandbox import restricted_namespace
from attention_programs.untrusted.sandbox.shared_buffer import SharedBuffer


@dataclass(frozen=True)
class UntrustedProgram:
    """An untrusted program."""

    source: str
    entry: str = "program"
    """Name of the function to call."""
    format: ProgramFormat = "view"
    terms: tuple[tuple[str, int | None], ...] = ()
    """Vocabulary terms that it mentions; they are computed once for all programs."""


@dataclass(frozen=True)
class Job(UntrustedProgram):
    """One program and what it is run on."""

    order: Sequence[int] = ()
    """Indices of the texts, in the order in which they are run."""
    filters: bool = True
    """Whether it gets only harmless builtins and modules, or all of Python's."""


@dataclass(frozen=True)
class LoadedText:
    """A text in both forms that programs take."""

    view: TokenView
    paper: PaperText | None


def run_job(job: Job, texts: Sequence[LoadedText], buffer: SharedBuffer, modules: restricted_namespace.Modules) -> None:
    """Runs a program on every text of its job; an exception becomes the status of that text."""
    code: Any = None
    for count, index in enumerate(job.order, start=1):
        buffer.begin(count)
        text = texts[index]
        try:
            if code is None:
                flags = __future__.annotations.compiler_flag
                code = compile(job.source, FILE, "exec", flags=flags, dont_inherit=True)
            result = as_weights(_call(job, code, text, modules), text.view.n)
        except MemoryError:
            buffer.put_reason(index, Rejected(Reason.MEMORY, "more memory than a program may have"))
        except ImportError as error:
            buffer.put_reason(index, Rejected(Reason.IMPORT, describe(error, job.source)))
        except BaseException as error:  # SystemExit and KeyboardInterrupt are a program's faults, too
            buffer.put_reason(index, _raised(error, job))
        else:
            if isinstance(result, Rejected):
                buffer.put_reason(index, result)
            else:
                buffer.put_weights(index, result)


def _raised(error: BaseException, job: Job) -> Rejected:
    """Whether the stubs lack what it asked for, its file lacks a helper, or the program itself is wrong."""
    if isinstance(error, NotInStubError):
        return Rejected(Reason.NOT_IN_STUB, describe(error, job.source).removeprefix(f"{type(error).__name__}: "))
    helper = job.format == "paper" and type(error) is NameError and error.name
    if helper and helper not in vars(builtins):
        return Rejected(Reason.MISSING_HELPER, f"the file lacks helper {helper}; add it with --helpers FILE")
    return Rejected(Reason.EXCEPTION, describe(error, job.source))


def _call(job: Job, code: Any, text: LoadedText, modules: restricted_namespace.Modules) -> Any:
    """Executes the source again for each text, so that no state is left from the previous one."""
    restricted_namespace.reseed()
    paper = None if job.format == "view" else text.paper
    names = restricted_namespace.namespace({**modules, **stubs.stub_modules(paper)} if paper else modules)
    if not job.filters:
        names["__builtins__"] = builtins
    exec(code, names)  # noqa: S102 - this process exists for it
    return stubs.call(names[job.entry], paper) if paper else names[job.entry](text.view)
