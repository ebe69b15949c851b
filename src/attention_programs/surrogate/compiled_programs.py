"""Programs that are sums of terms, evaluated together: a layer's patterns in one call, and only the rows asked for.

What programs share on a text, its token features and the vocabulary's patterns, is computed once by the same functions
as for a single program, on the CPU. From these the weights of a layer's heads follow by sums and a softmax: in compiled
loops on the CPU, as dense products on other devices. Both equal the programs to rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from attention_programs.machine_code import in_threads
from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.view import TokenView
from attention_programs.surrogate.softmax_of_terms import softmax_of_terms
from attention_programs.surrogate.term_table import TermTable

SMALL = 2**18
"""Weights below which threads cost more than they save."""


@dataclass(frozen=True)
class TextTerms:
    """What some programs need of some rows of a text."""

    rows: torch.Tensor
    """The rows, shape (rows,)."""
    classes: torch.Tensor
    """Token features of all tokens, the first of which is 1 everywhere, shape (classes, n)."""
    patterns: torch.Tensor
    """Patterns, the first of which is 1 everywhere, shape (patterns, rows, n)."""
    causal: bool


class CompiledPrograms:
    """Some programs as tables of their terms: coefficients and the numbers of query class, key class and pattern.

    Args:
        programs: The terms of programs that are softmaxes of their sums.
        device: Where their patterns are needed.
    """

    def __init__(self, programs: Sequence[Sequence[WeightedTerm]], device: torch.device) -> None:
        self._device = device
        table = TermTable.of(programs)
        self._classes = sorted({name for f in table.features for name in (f.query, f.key) if name})
        self._patterns = sorted({(f.pattern, f.parameter) for f in table.features if f.pattern}, key=str)
        classes = {name: number for number, name in enumerate(["", *self._classes])}
        patterns = {pattern: number for number, pattern in enumerate([("", None), *self._patterns])}
        numbers = np.array(
            [(classes[f.query], classes[f.key], patterns[f.pattern, f.parameter]) for f in table.features], np.int64
        ).reshape(-1, 3)
        self._coefficients = torch.from_numpy(table.coefficients).to(device)
        self._numbers = torch.from_numpy(np.ascontiguousarray(np.moveaxis(numbers[table.places], 2, 0))).to(device)

    def terms_of(self, view: TokenView, start: int = 0) -> TextTerms:
        """Evaluates the vocabulary on a text.

        Args:
            view: The text.
            start: The first row that is needed.
        """
        rows = np.arange(start, view.n)
        classes = np.ones((1 + len(self._classes), view.n), np.float32)
        for number, name in enumerate(self._classes, 1):
            classes[number] = view.vector(name)
        patterns = np.ones((1 + len(self._patterns), len(rows), view.n), np.float32)
        for number, (name, parameter) in enumerate(self._patterns, 1):
            patterns[number] = view.rows(name, rows, parameter)
        on_device = [torch.from_numpy(each).to(self._device) for each in (rows, classes, patterns)]
        return TextTerms(on_device[0], on_device[1], on_device[2], view.causal)

    def weights(self, text: TextTerms, programs: slice) -> torch.Tensor:
        """The patterns of some programs, shape (programs, rows, n).

        Args:
            text: The text, from :meth:`terms_of`.
            programs: Which programs, as a slice of those given.
        """
        coefficients, numbers = self._coefficients[programs], self._numbers[:, programs]
        if self._device.type != "cpu":
            return dense_softmax_of_terms(text, coefficients, numbers)
        found = torch.empty(len(coefficients), *text.patterns.shape[1:])
        factors = text.rows.numpy(), text.classes.numpy(), text.patterns.numpy()
        query, key, pattern = numbers.numpy()
        write = partial(
            softmax_of_terms, *factors, coefficients.numpy(), query, key, pattern, text.causal, found.numpy()
        )
        if found.numel() < SMALL:
            write(0, len(found))
        else:
            in_threads(len(found), write)
        return found


def dense_softmax_of_terms(text: TextTerms, coefficients: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """As :func:`softmax_of_terms`, in torch: every distinct feature of the programs once, then a product.

    Args:
        text: The text.
        coefficients: Shape (programs, terms).
        numbers: Numbers of query class, key class and pattern, shape (3, programs, terms).
    """
    features, place = torch.unique(numbers.flatten(1), dim=1, return_inverse=True)
    query, key, pattern = features
    table = coefficients.new_zeros(len(coefficients), features.shape[1])
    table.scatter_add_(1, place.view(coefficients.shape), coefficients)
    values = text.classes[query][:, text.rows, None] * text.classes[key][:, None, :] * text.patterns[pattern]
    scores = torch.einsum("pf,frn->prn", table, values)
    if text.causal:
        tokens = torch.arange(scores.shape[-1], device=scores.device)
        scores = scores.masked_fill(tokens[None, :] > text.rows[:, None], -torch.inf)
    return scores.softmax(-1)
