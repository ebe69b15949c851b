"""Runs trusted programs in this process and all others in the sandbox."""

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from attention_programs.config import SandboxSettings
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.run_result import Outcome
from attention_programs.programs.runner import NOT_USED, TrustedRunner
from attention_programs.programs.view import TokenView
from attention_programs.progress import SAMPLE, estimated
from attention_programs.untrusted.paper_format.annotation import Annotator
from attention_programs.untrusted.paper_format.sentence import PaperText
from attention_programs.untrusted.sandbox.child import UntrustedProgram
from attention_programs.untrusted.sandbox.finished import Reader, ResultStore
from attention_programs.untrusted.sandbox.fork_server import SandboxText
from attention_programs.untrusted.sandbox.pool import Ran, Sandbox
from attention_programs.untrusted.sandbox.shared_buffer import Layout


class SandboxRunner:
    """Runs trusted programs directly and others in the sandbox; not thread-safe.

    The sandbox starts when needed; close it, or use ``with``.

    Args:
        settings: The sandbox's.
        workers: Programs that run in parallel in the sandbox.
        style: How the model's tokenizer writes tokens; programs in the paper format see them.

    Attributes:
        settings: The sandbox's.
        style: How the model's tokenizer writes tokens.
        trusted: Runs the programs that need no sandbox.
    """

    def __init__(self, settings: SandboxSettings, workers: int, style: TokenStyle) -> None:
        self.settings = settings
        self._workers = workers
        self.style = style
        self.trusted = TrustedRunner()
        self._is_untrusted: dict[str, bool] = {}
        self._annotator = Annotator()
        self._sandbox: Sandbox | None = None
        self._loaded: list[SandboxText] | None = None

    @property
    def level(self) -> str:
        """The sandbox's level, or a note that it has not been needed."""
        return NOT_USED if self._sandbox is None else str(self._sandbox.level)

    def is_untrusted(self, program: ProgramRecord) -> bool:
        """Whether a program runs in the sandbox."""
        if program.id not in self._is_untrusted:
            self._is_untrusted[program.id] = not program.trusted
        return self._is_untrusted[program.id]

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """The outcome of each program on one text; nothing is run twice."""
        return [ran.outcomes[0] for ran in self.run_all(programs, [view], check=False)]

    def run_all(
        self, programs: Sequence[ProgramRecord], views: Sequence[TokenView], check: bool = True
    ) -> Iterator[Ran]:
        """Yields each program's outcomes on all texts (of one model), in order; ``check`` tests for determinism."""
        untrusted = [program for program in programs if self.is_untrusted(program)]
        results = self._run_untrusted(untrusted, self._texts(untrusted, views), views, check) if untrusted else iter(())
        for program in programs:
            if self.is_untrusted(program):
                yield next(results)
            else:
                yield Ran([self.trusted.run(program, view) for view in views])

    def _run_untrusted(
        self, programs: Sequence[ProgramRecord], texts: list[SandboxText], views: Sequence[TokenView], check: bool
    ) -> Iterator[Ran]:
        if self._sandbox is None:
            self._sandbox = Sandbox(self.settings, self._workers)
            print(f"sandbox: {self._sandbox.description}", file=sys.stderr)
        if texts != self._loaded:
            self._sandbox.load(texts, views[0].causal)
            self._loaded = texts
        untrusted = (UntrustedProgram(one.source, one.entry, one.format, one.parsed().mentions) for one in programs)
        return self._sandbox.run_all(untrusted, check)

    def _texts(self, programs: Sequence[ProgramRecord], views: Sequence[TokenView]) -> list[SandboxText]:
        if all(program.format == "view" for program in programs):
            return [SandboxText.of(view) for view in views]
        papers = [PaperText.of(view.ids, view.token_strings, self.style) for view in views]
        if any(program.provenance.get("uses_spacy") for program in programs):
            papers = [
                dataclasses.replace(paper, annotations=self._annotator.annotate(paper.sentence)) for paper in papers
            ]
        return [SandboxText.of(view, paper) for view, paper in zip(views, papers, strict=True)]

    def finish(
        self,
        programs: Sequence[ProgramRecord],
        views: Sequence[TokenView],
        folder: Path,
        check: bool = True,
        own: slice = slice(None),
    ) -> "FinishedInSandbox":
        """Runs only the untrusted programs on all texts; reuses what a killed run finished in ``folder``.

        Args:
            programs: The programs.
            views: The texts.
            folder: Where outcomes are kept.
            check: Whether programs are tested for determinism.
            own: Which of the untrusted programs are run here; other processes run the others.
        """
        untrusted = [program for program in programs if self.is_untrusted(program)]
        blocks = _blocks(views, self.settings.shared_mib * 2**20) if untrusted else []
        stores = []
        for block in blocks:
            texts = self._texts(untrusted, block)
            settings = dataclasses.asdict(self.settings) | ({} if check else {"check_texts": 0})
            store = ResultStore(folder, [settings, [dataclasses.asdict(text) for text in texts]], block[0].causal)
            missing = _typical_first([program for program in untrusted[own] if not store.has(program.id)])
            results = self._run_untrusted(missing, texts, block, check) if missing else iter(())
            results = estimated(results, f"programs in the sandbox, {len(block)} texts", len(missing), "programs")
            for program, ran in zip(missing, results, strict=True):
                store.put(program.id, ran)
            stores.append(store)
        return FinishedInSandbox(self, stores, blocks)

    def close(self) -> None:
        """Stops the sandbox."""
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = self._loaded = None

    def __enter__(self) -> "SandboxRunner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _typical_first(programs: Sequence[ProgramRecord]) -> list[ProgramRecord]:
    """Moves a sample of the whole list to the front, so that the time for all can be estimated early."""
    sample = list(range(0, len(programs), max(len(programs) // SAMPLE, 1)))[:SAMPLE]
    return [programs[i] for i in (*sample, *sorted(set(range(len(programs))) - set(sample)))]


def _blocks(views: Sequence[TokenView], max_bytes: int) -> list[list[TokenView]]:
    """Divides the texts into blocks on which one program's results fit ``max_bytes``."""
    blocks: list[list[TokenView]] = []
    used = max_bytes
    for view in views:
        size = Layout.of([view.n]).size
        if used + size > max_bytes:
            blocks.append([])
            used = 0
        blocks[-1].append(view)
        used += size
    return blocks


class FinishedInSandbox:
    """Outcomes on a list of texts: stored for untrusted programs, computed on demand for the others."""

    def __init__(
        self, runner: SandboxRunner, stores: Sequence[ResultStore], blocks: Sequence[Sequence[TokenView]]
    ) -> None:
        self._runner = runner
        self._stores = stores
        self._places = {
            (view.ids, view.token_strings): (block, index)
            for block, views in enumerate(blocks)
            for index, view in enumerate(views)
        }
        self._reader = Reader(stores)

    def outcomes(self, programs: Sequence[ProgramRecord], view: TokenView) -> list[Outcome]:
        """The outcome of each program on one of the texts."""
        runner = self._runner
        return [
            self._stored(program, view) if runner.is_untrusted(program) else runner.trusted.run(program, view)
            for program in programs
        ]

    def _stored(self, program: ProgramRecord, view: TokenView) -> Outcome:
        block, index = self._places[view.ids, view.token_strings]
        return self._reader.outcome(block, program.id, index)

    def holds(self, view: TokenView) -> bool:
        """Whether a text is one of those that untrusted programs ran on."""
        return (view.ids, view.token_strings) in self._places

    def remove(self) -> None:
        """Deletes the stored outcomes."""
        for store in self._stores:
            store.remove()
