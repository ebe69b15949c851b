"""A program in a notebook: its source, its predictions and its display."""

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attention_programs.errors import UserError
from attention_programs.programs.parser import summands
from attention_programs.programs.prefix import prefix_verdict
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.run_result import Outcome, Rejected
from attention_programs.programs.runner import TrustedRunner
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.view import TokenView

if TYPE_CHECKING:
    from attention_programs.api.model import Model


class Program:
    r"""A function of a text's tokens that predicts where a head attends; equal programs have equal ids.

    Args:
        source: Python source that defines ``def program(text)`` with a docstring (see the vocabulary for what ``text``
            offers); it returns weights of shape (n, n), which are masked and normalised row by row.
        name: Name in messages.
        trusted: Whether it may run in this process although it is free Python. A sum of vocabulary terms always may;
            set it for your own code, never for code from elsewhere, which belongs in the sandbox (`import`).

    Raises:
        UserError: if the source is not a program, or is free Python and not trusted.

    >>> mine = Program("def program(text):\n    'Copies.'\n    return text.softmax(4.0 * text.induction)")
    >>> mine.description, mine.terms
    ('Copies.', 1)
    """

    def __init__(self, source: str, name: str = "program", trusted: bool = False) -> None:
        self._record = make_record(source, name, "curated", "prefix_only", [], {})
        self._compiled = compile_trusted(source, f"program {name!r}", trusted)

    @property
    def name(self) -> str:
        """Name in messages."""
        return self._record.name

    @property
    def source(self) -> str:
        """The Python source."""
        return self._record.source

    @property
    def id(self) -> str:
        """SHA-256 of its normalised source."""
        return self._record.id

    @property
    def description(self) -> str:
        """First line of its docstring."""
        return self._record.description

    @property
    def terms(self) -> int:
        """Number of summed terms; for other programs, of the vocabulary terms that they mention."""
        return summands(self._record)

    def run(self, view: TokenView) -> Outcome:
        """Its outcome on a text."""
        return run(self._compiled, view)

    def pattern(self, text: str | Sequence[int], model: "Model") -> NDArray[np.float32]:
        """The attention pattern that it predicts, as an array for a hook of TransformerLens or nnsight.

        Args:
            text: A text, or its token ids.
            model: The model whose tokenizer and mask are used.

        Returns:
            Shape (n, n), rows summing to 1, zero above the diagonal for causal models.

        Raises:
            UserError: if it fails on the text.
        """
        outcome = self.run(model.view(text))
        if isinstance(outcome, Rejected):
            raise UserError(f"program {self.name!r} fails on this text: {outcome.reason} ({outcome.message})")
        return outcome.weights

    def for_model(self, causal: bool, views: Sequence[TokenView]) -> ProgramRecord:
        """Its record; for a causal model, with the prefix test's verdict on some texts."""
        return replace(self._record, prefix_test=prefix_verdict(self._compiled, views) if causal else "prefix_only")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __str__(self) -> str:
        return self.source.strip()

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.description)}</p><pre><code>{html.escape(str(self))}</code></pre>"


class GivenRunner(TrustedRunner):
    """Runs programs that the user gave, and so trusts."""

    def __init__(self, programs: Sequence[Program]) -> None:
        super().__init__()
        self._given = {program.id: program for program in programs}

    def run(self, program: ProgramRecord, view: TokenView) -> Outcome:
        """Runs one of them."""
        return self._given[program.id].run(view)
