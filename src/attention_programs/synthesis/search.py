"""The search: for each head a sparse sum of vocabulary terms, put through a softmax row by row.

Terms are added one at a time, the most promising first (largest gradient of the divergence in units of the term's
spread), constants refitted after each by Newton's method. The number of terms is chosen on validation texts.
"""

import functools
import operator
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from attention_programs.config import SynthesisSettings
from attention_programs.errors import UserError
from attention_programs.programs.vocabulary.registry import Array
from attention_programs.progress import progress
from attention_programs.synthesis.design import Design, mean_iou, softmax_rows
from attention_programs.synthesis.emission import WeightedTerm
from attention_programs.synthesis.features import Feature
from attention_programs.synthesis.fitting import newton_step, polish

Result = TypeVar("Result")
START = (Feature("first_token"), Feature("log_distance"))
"""Every program begins with the sink and with distance."""
SMALLEST_SPREAD = 0.5
"""Summed variance below which a term varies too rarely for its gradient to mean anything."""


@dataclass
class _Fit:
    """One head's search so far."""

    chosen: list[int]
    constants: NDArray[np.float64]
    path: list[NDArray[np.float64]]
    """Constants after each size, for the choice on validation."""


@dataclass(frozen=True)
class FoundProgram:
    """What the search found for one head."""

    terms: list[WeightedTerm]
    iou_train: float
    iou_validation: float
    path_validation: list[float]
    """Validation IoU by number of terms, before the last fit."""


def _predict(design: Design, chosen: Sequence[int], constants: NDArray[np.float64]) -> Array:
    return softmax_rows(constants.astype(np.float32) @ design.features[list(chosen)], design)


@dataclass(frozen=True)
class _Promise:
    """How fast the divergence falls with every feature of every head, and in what units; shape (heads, features)."""

    gradient: NDArray[np.float64]
    """Sum over rows of the features' means under the predicted map minus those under the real one."""
    spread: NDArray[np.float64]
    """Sum over rows of the features' variance under the predicted map."""

    def __add__(self, other: "_Promise") -> "_Promise":
        return _Promise(self.gradient + other.gradient, self.spread + other.spread)


def _promise_of_text(design: Design, text: int, constants: Array) -> _Promise:
    """The promise of every feature for every head on one text.

    Args:
        design: The texts.
        text: Which one.
        constants: Each head's constants, 0 where a feature is not chosen, shape (heads, features).
    """
    first_row = int(design.tokens[:text].sum())
    starts = design.row_starts[first_row : first_row + int(design.tokens[text])]
    last = int(design.text_starts[text + 1]) if text + 1 < len(design.tokens) else design.features.shape[1]
    cells = slice(int(starts[0]), last)
    features, real = design.features[:, cells], design.attention[:, cells]
    local = starts - starts[0]
    lengths = np.diff(np.append(local, features.shape[1]))
    scores = constants @ features
    weights = np.exp(scores - np.repeat(np.maximum.reduceat(scores, local, axis=1), lengths, axis=1))
    weights /= np.repeat(np.add.reduceat(weights, local, axis=1), lengths, axis=1)
    gradient = (weights - real) @ features.T
    spread = weights @ (features * features).T
    for start, length in zip(local, lengths, strict=True):
        row = slice(start, start + length)
        means = weights[:, row] @ features[:, row].T
        spread -= means * means
    return _Promise(gradient.astype(np.float64), spread.astype(np.float64))


def _next_term(gradient: NDArray[np.float64], spread: NDArray[np.float64], chosen: Sequence[int]) -> int:
    """The term with the largest gradient in units of its spread; a term that hardly ever varies is passed over."""
    score = np.abs(gradient) / np.sqrt(np.maximum(spread, SMALLEST_SPREAD))
    score[spread < SMALLEST_SPREAD] = 0
    score[list(chosen)] = -1
    return int(np.argmax(score))


class Search:
    """All heads' searches, side by side on shared texts.

    Args:
        train: Texts that constants are fitted on.
        validation: Texts that the number of terms is chosen on.
        features: What the designs' rows mean.
        settings: Sizes and budgets.
        workers: Threads.

    Raises:
        UserError: if programs may not hold even the terms that each begins with.
    """

    def __init__(
        self,
        train: Design,
        validation: Design,
        features: Sequence[Feature],
        settings: SynthesisSettings,
        workers: int,
    ) -> None:
        if settings.max_terms < len(START):
            raise UserError(
                f"synthesis.max_terms is {settings.max_terms}; write {len(START)} or more: "
                "every program begins with first_token and log_distance"
            )
        self._train = train
        self._validation = validation
        self._features = list(features)
        self._settings = settings
        self._workers = workers
        self._head_count = train.attention.shape[0]

    def run(self) -> list[FoundProgram]:
        """Searches for every head; the result's order is that of the maps."""
        start = [self._features.index(feature) for feature in START]
        fits = [_Fit(list(start), np.zeros(len(start)), []) for _ in range(self._head_count)]
        sizes = range(len(START), self._settings.max_terms + 1)
        for size in progress(sizes, "search: adding terms", unit="terms"):
            if size > len(START):
                self._add_terms(fits)
            self._each_head(lambda head: self._refit(head, fits[head]))
        found = self._each_head(lambda head: self._finish(head, fits[head]), "search: last fit")
        return [found[head] for head in range(self._head_count)]

    def _each_head(self, work: Callable[[int], Result], description: str = "") -> list[Result]:
        heads = range(self._head_count)
        with threadpool_limits(1), ThreadPoolExecutor(self._workers) as pool:
            results = pool.map(work, heads)
            return list(progress(results, description, self._head_count, "heads") if description else results)

    def _add_terms(self, fits: Sequence[_Fit]) -> None:
        design = self._train
        constants = np.zeros((self._head_count, len(self._features)), dtype=np.float32)
        for head, fit in enumerate(fits):
            constants[head, fit.chosen] = fit.constants
        with threadpool_limits(1), ThreadPoolExecutor(self._workers) as pool:
            texts = range(len(design.tokens))
            parts = pool.map(lambda text: _promise_of_text(design, text, constants), texts)
            promise = functools.reduce(operator.add, parts)
        for head, fit in enumerate(fits):
            term = _next_term(promise.gradient[head], promise.spread[head], fit.chosen)
            fit.chosen.append(term)
            fit.constants = np.append(fit.constants, 0.0)

    def _refit(self, head: int, fit: _Fit) -> None:
        columns = self._train.features[fit.chosen]
        for _ in range(self._settings.newton_steps):
            fit.constants = newton_step(
                fit.constants, columns, self._train.attention[head], self._train, self._settings.ridge
            )
        fit.path.append(fit.constants)

    def _finish(self, head: int, fit: _Fit) -> FoundProgram:
        """Chooses the size on validation, fits IoU itself, rounds."""
        settings = self._settings
        target = self._validation.attention[head]
        path = [
            mean_iou(target, _predict(self._validation, fit.chosen[: len(constants)], constants), self._validation)
            for constants in fit.path
        ]
        worth = [iou - settings.min_gain * len(constants) for iou, constants in zip(path, fit.path, strict=True)]
        size = len(fit.path[int(np.argmax(worth))])
        chosen = fit.chosen[:size]
        constants = fit.path[size - len(START)]
        columns = self._train.features[chosen]
        attention = self._train.attention[head]
        polished = polish(constants, columns, attention, self._train, settings.polish_steps, settings.polish_rate)
        candidates = [np.round(c, 1) + 0.0 for c in (polished, constants)]
        scores = [mean_iou(target, _predict(self._validation, chosen, c), self._validation) for c in candidates]
        final = candidates[int(np.argmax(scores))]
        predicted = _predict(self._train, chosen, final)
        spread = _spread_of(columns, predicted, self._train)
        terms = [
            WeightedTerm(self._features[index], float(constant), float(abs(constant) * np.sqrt(max(variance, 0.0))))
            for index, constant, variance in zip(chosen, final, spread, strict=True)
            if constant != 0
        ]
        return FoundProgram(terms, mean_iou(attention, predicted, self._train), float(max(scores)), path)


def _spread_of(columns: Array, predicted: Array, design: Design) -> Array:
    """Variance of the chosen features under the predicted map, mean over rows, shape (k,)."""
    weighted = columns * predicted
    means = np.add.reduceat(weighted, design.row_starts, axis=1)
    return ((weighted * columns).sum(axis=1) - (means * means).sum(axis=1)) / design.rows
