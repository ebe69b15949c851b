"""What a head does, measured on training texts: the numbers and weights that prompts are made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attention_programs.attention.metrics import entropy
from attention_programs.programs.features import Feature, candidate_features
from attention_programs.programs.view import SPECIAL
from attention_programs.programs.vocabulary import TOKEN_FEATURES
from attention_programs.sparse_search.training_texts import ExplainedText, ExplainedTexts

TOP_SHARE = 0.025
"""The share of a pattern's entries, the largest, that the paper shows (section on synthesis)."""
STRATA = ((0.0, 0.005, 4), (0.005, 0.025, 4), (0.025, 0.1, 3), (0.1, 0.5, 2))
"""Bands of entries by rank (from, to, as shares of all outside the first column), and how many of each are shown."""
LEAST_ROWS = 20
"""A class with fewer queries is left out."""


@dataclass(frozen=True)
class Weight:
    """One entry of a pattern."""

    query: str
    query_place: int
    key: str
    key_place: int
    true: float
    predicted: float | None = None
    """The weight given by the program to be improved; None if there is none."""


@dataclass(frozen=True)
class PatternShare:
    """How much attention falls on a pattern, leaving out the first token."""

    expression: str
    share: float
    """Share of all attention, not counting attention on the first token."""
    times_even: float
    """This share, divided by what it would be if each row spread its attention evenly over all but the first token."""


@dataclass(frozen=True)
class QuerySink:
    """How much the queries of a class attend to the first token."""

    name: str
    first_token: float


@dataclass(frozen=True)
class Excerpt:
    """Weights from one text."""

    opening: str
    """The text's first characters."""
    top: tuple[Weight, ...]
    """The largest weights, in descending order: the paper's evidence."""
    strata: tuple[Weight, ...]
    """Weights of every size, without the first token."""


@dataclass(frozen=True)
class HeadEvidence:
    """Everything that a prompt says about a head."""

    head: str
    first_token: float
    """Mean attention on the first token; the next two are for the token itself and the previous token."""
    self_token: float
    previous_token: float
    entropy: float
    """Mean entropy of a row, in bits."""
    most_entropy: float
    """Mean entropy if every row were uniform, in bits."""
    patterns: tuple[PatternShare, ...]
    """In descending order of how telling they are."""
    queries: tuple[QuerySink, ...]
    """In descending order of attention to the first token."""
    excerpts: tuple[Excerpt, ...]


class EvidenceMaker:
    """Measures all heads on the texts that prompts may show."""

    def __init__(self, texts: ExplainedTexts, heads: Sequence[str], causal: bool, excerpts: int, most: int) -> None:
        self._texts = texts
        self._heads = list(heads)
        self._excerpts = excerpts
        self._most = most
        features = candidate_features(causal, texts.hold_special)
        self._features = [f for f in features if f.recorded and not (f.query or f.continuous or (f.key and f.pattern))]
        self._classes = [name for name in _PLAIN_FEATURES if texts.hold_special or name != SPECIAL]
        self._totals = _measure(texts.shown, self._features, self._classes, causal)

    def of(self, head: str) -> HeadEvidence:
        """The evidence on one head."""
        number = self._heads.index(head)
        places = self._texts.excerpt(number, self._excerpts)
        first, own, previous, spread = (self._totals.means[:, number] / self._totals.rows).tolist()
        return HeadEvidence(
            head,
            first_token=first,
            self_token=own,
            previous_token=previous,
            entropy=spread,
            most_entropy=self._totals.most_entropy / self._totals.rows,
            patterns=self._patterns(number),
            queries=self._queries(number),
            excerpts=tuple(_excerpt(self._texts.shown[place], number, self._most) for place in places),
        )

    def _patterns(self, number: int) -> tuple[PatternShare, ...]:
        """Those with the most attention outside the first token, compared with an even spread."""
        share = self._totals.on_features[number] / self._totals.rows
        even = np.maximum(self._totals.even[number] / self._totals.rows, 1e-9)
        telling = share * np.log(np.maximum(share, 1e-9) / even)
        best: dict[str, PatternShare] = {}
        for i in np.argsort(-telling, kind="stable"):
            feature = self._features[i]
            if telling[i] > 0 and len(best) < self._most:  # only the best parameter of each pattern
                found = PatternShare(feature.expression, float(share[i]), float(share[i] / even[i]))
                best.setdefault(feature.pattern or feature.expression, found)
        return tuple(best.values())

    def _queries(self, number: int) -> tuple[QuerySink, ...]:
        totals = self._totals
        found = [
            QuerySink(name, float(totals.query_first[number, i] / totals.query_rows[i]))
            for i, name in enumerate(self._classes)
            if totals.query_rows[i] >= LEAST_ROWS
        ]
        return tuple(sorted(found, key=lambda rest: -rest.first_token))


_PLAIN_FEATURES = tuple(
    name
    for name, term in TOKEN_FEATURES.items()
    if term.recorded and not (term.continuous or name.startswith(("opening_", "first_")))
)
"""Token features other than those of early tokens, as every head's early queries attend to the first token."""


@dataclass(frozen=True)
class _Totals:
    """Sums over all rows of all texts; arrays have one row or column per head."""

    rows: int
    means: NDArray[np.float64]
    """Attention on the first token, itself and the previous token, and the entropy; shape (4, heads)."""
    most_entropy: float
    on_features: NDArray[np.float64]
    """Attention outside the first token on each feature's entries, shape (heads, features)."""
    even: NDArray[np.float64]
    """The same if each row spread this attention evenly."""
    query_rows: NDArray[np.float64]
    query_first: NDArray[np.float64]
    """Attention on the first token from each class's queries, shape (heads, classes)."""


def _measure(
    texts: Sequence[ExplainedText], features: Sequence[Feature], names: Sequence[str], causal: bool
) -> _Totals:
    heads = len(texts[0].entries)
    means = np.zeros((4, heads))
    on_features, even = np.zeros((heads, len(features))), np.zeros((heads, len(features)))
    query_rows, query_first = np.zeros(len(names)), np.zeros((heads, len(names)))
    rows, most_entropy = 0, 0.0
    for text in texts:
        view, n = text.view, text.view.n
        patterns = np.stack([text.pattern(head) for head in range(heads)])
        visible = np.tri(n) if causal else np.ones((n, n))
        first = patterns[:, :, 0]
        diagonals = patterns.diagonal(axis1=1, axis2=2), patterns.diagonal(offset=-1, axis1=1, axis2=2)
        means += np.stack([first.sum(1), diagonals[0].sum(1), diagonals[1].sum(1), entropy(patterns).sum(1)])
        without_sink = patterns.copy()
        without_sink[:, :, 0] = 0
        others = visible.copy()
        others[:, 0] = 0
        spread = others / np.maximum(others.sum(1, keepdims=True), 1)
        values = np.stack([feature.matrix(view) for feature in features]) * visible
        flat = values.reshape(len(features), -1).T
        on_features += without_sink.reshape(heads, -1) @ flat
        even += without_sink.sum(2) @ (values * spread).sum(2).T
        classes = np.stack([view.vector(name) for name in names])
        query_rows += classes.sum(1)
        query_first += first @ classes.T
        rows += n
        most_entropy += float(np.log2(visible.sum(1)).sum())
    return _Totals(rows, means, most_entropy, on_features, even, query_rows, query_first)


def _excerpt(text: ExplainedText, number: int, most: int) -> Excerpt:
    true_pattern = text.pattern(number)
    order = [(i, j) for i, j in _by_size(true_pattern, text.view.causal) if i > 0]
    top = order[: min(most, max(round(TOP_SHARE * len(order)), 1))]
    others = [(i, j) for i, j in order if j > 0]
    strata: list[tuple[int, int]] = []
    for low, high, count in STRATA:
        band = others[int(low * len(others)) : max(int(high * len(others)), int(low * len(others)) + 1)]
        strata += [band[place * len(band) // count] for place in range(min(count, len(band)))]
    return Excerpt(
        opening=text.opening,
        top=tuple(weight_at(text, true_pattern, i, j) for i, j in top),
        strata=tuple(weight_at(text, true_pattern, i, j) for i, j in strata),
    )


def weight_at(
    text: ExplainedText, true_pattern: NDArray[np.float32], i: int, j: int, predicted: NDArray[np.float32] | None = None
) -> Weight:
    """The entry (i, j) of a text's pattern."""
    strings, given = text.view.token_strings, None if predicted is None else float(predicted[i, j])
    return Weight(strings[i], i, strings[j], j, float(true_pattern[i, j]), given)


def _by_size(values: NDArray[np.float32], causal: bool) -> list[tuple[int, int]]:
    rows, columns = np.tril_indices(len(values)) if causal else np.indices(values.shape).reshape(2, -1)
    order = np.argsort(-values[rows, columns], kind="stable")
    return list(zip(rows[order].tolist(), columns[order].tolist(), strict=True))


def most_different(text: ExplainedText, number: int, predicted: NDArray[np.float32], most: int) -> tuple[Weight, ...]:
    """The entries where the prediction is furthest from the true pattern, in descending order of difference."""
    true_pattern = text.pattern(number)
    order = _by_size(np.abs(true_pattern - predicted), text.view.causal)[:most]
    return tuple(weight_at(text, true_pattern, i, j, predicted) for i, j in order)
