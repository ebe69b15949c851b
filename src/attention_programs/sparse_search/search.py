"""The search: for each head, the softmax of a sparse sum of vocabulary terms.

Terms are selected on a sample of training texts, coefficients are fitted on all of them and rounded to one decimal,
and the number of terms is chosen on validation texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import torch

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.checkpoint import Journal
from attention_programs.config import SynthesisSettings
from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.features import Feature, candidate_features
from attention_programs.progress import progress
from attention_programs.sparse_search.design import Design, build_design
from attention_programs.sparse_search.fitted_rows import fitted_parts
from attention_programs.sparse_search.fitting import fit_iou, mean_iou
from attention_programs.sparse_search.gain_estimate import influence
from attention_programs.sparse_search.sharing import pairwise_iou, share
from attention_programs.sparse_search.sparse_programs import SparsePrograms, search_journal
from attention_programs.sparse_search.term_selector import TermSelector

START = (Feature("first_token"), Feature("log_distance"))
"""The terms that every program starts with: the sink and distance. Pruning may drop each of them."""
CAUSAL_START = (*START, Feature("row_position"))
"""In a causal model, also how the sink's pull changes along the text, as more and more tokens compete with it."""
SHORTEST = 2
"""Fewest terms of a program."""


@dataclass(frozen=True)
class FoundProgram:
    """The result of the search for one head."""

    terms: list[WeightedTerm]
    iou_train: float
    iou_validation: float
    iou_unrounded: float
    """Validation IoU before the coefficients were rounded."""


@dataclass(frozen=True)
class Found:
    """The result of the search for all heads."""

    programs: list[FoundProgram]
    """One per head, in the order of the patterns."""
    sizes: dict[int, list[FoundProgram]]
    """The same with a fixed number of terms, by that number."""
    path: dict[int, float]
    """Mean validation IoU by number of terms, with coefficients fitted on the sample."""
    longest: SparsePrograms = field(compare=False)
    """One program per head with ``max_terms`` terms, fitted on the sample."""


@dataclass
class SearchData:
    """The texts of a search."""

    train: Sequence[TextAttention]
    """Texts that terms and coefficients are fitted on."""
    validation: Sequence[TextAttention]
    """Texts that the number of terms is chosen on."""
    settings: SynthesisSettings
    device: str

    @cached_property
    def features(self) -> list[Feature]:
        """The features that programs may use."""
        special = any(text.special_ids.occur_in(text.ids) for text in self.train)
        return candidate_features(self.train[0].causal, special)

    @cached_property
    def sample(self) -> Design:
        """Some training texts, evenly spaced, with every feature."""
        return self.design(_evenly(self.train, self.settings.sample_texts), self.features)

    def of_corpus(self, name: str, settings: SynthesisSettings) -> "SearchData":
        """The texts of one corpus."""
        train, validation = ([t for t in texts if t.corpus == name] for texts in (self.train, self.validation))
        return SearchData(train, validation, settings, self.device)

    def of_beginnings(self, tokens: int) -> "SearchData":
        """The beginnings of the texts, of ``tokens`` tokens; shorter texts as they are."""
        train, validation = ([text.beginning(tokens) for text in texts] for texts in (self.train, self.validation))
        return SearchData(train, validation, self.settings, self.device)

    def of_heads(self, heads: Sequence[int]) -> "SearchData":
        """The same texts with the patterns of some heads."""
        train, validation = ([text.of_heads(heads) for text in texts] for texts in (self.train, self.validation))
        part = SearchData(train, validation, self.settings, self.device)
        part.sample = self.sample.of_heads(torch.tensor(heads, device=self.device))  # features are reused
        return part

    @property
    def start(self) -> list[int]:
        """Indices of the features that every program starts with."""
        features = CAUSAL_START if self.train[0].causal else START
        return [self.features.index(feature) for feature in features]

    def design(self, texts: Sequence[TextAttention], features: Sequence[Feature]) -> Design:
        """The design of some texts and features."""
        memory_mib = self.settings.memory_mib
        parts = fitted_parts(texts, len(features), memory_mib)
        return replace(build_design(parts, features, self.device), memory_mib=memory_mib)


def _evenly(texts: Sequence[TextAttention], count: int) -> Sequence[TextAttention]:
    return [texts[number * len(texts) // count] for number in range(count)] if count < len(texts) else texts


class Search:
    """The searches for all heads, run together on the same texts.

    Args:
        data: The texts.
        journal: Steps that an earlier run of the same search finished.
    """

    def __init__(self, data: SearchData, journal: Journal[SparsePrograms] | None = None) -> None:
        self._data = data
        self._settings = data.settings
        self._selector = TermSelector(data.sample, data.start, data.settings, journal or search_journal())

    def run(self) -> Found:
        """Searches for every head."""
        settings, selector = self._settings, self._selector
        most = max((settings.max_terms, *settings.sizes))
        by_size = {most: selector.improve(selector.forward_select(most))}
        smaller = {*settings.sizes, *range(SHORTEST, settings.max_terms + 1)} - {most}
        for size in progress(sorted(smaller, reverse=True), "search: pruning", unit="sizes"):
            shorter = selector.shorter(by_size[min(by_size)], size)
            by_size[size] = selector.improve(shorter) if size == settings.max_terms else shorter
        last = LastFit(self._data, by_size, selector.journal)
        path = {size: last.iou_validation(size) for size in sorted(by_size) if size <= settings.max_terms}
        best = best_sizes(path, settings.min_gain)
        everyone = torch.arange(len(best), device=best.device)
        return Found(
            programs=last.fit_each(best, "chosen"),
            sizes={size: last.fit(size, everyone, "everyone") for size in settings.sizes},
            path={size: float(iou.mean()) for size, iou in path.items()},
            longest=by_size[settings.max_terms],
        )

    def of_size(self, size: int, purpose: str = "search") -> list[FoundProgram]:
        """Every head's program of one size; no other size is tried.

        Args:
            size: Number of terms.
            purpose: The label of the progress bar.
        """
        selector = self._selector
        found = selector.improve(selector.forward_select(size), purpose)
        everyone = torch.arange(len(found.chosen), device=found.chosen.device)
        return LastFit(self._data, {size: found}, selector.journal).fit(size, everyone, "everyone")

    def share(self, found: Found, counts: Sequence[int]) -> dict[int, list[list[WeightedTerm]]]:
        """Explains all heads with few programs: each head's program, for each number of programs."""
        selector = self._selector
        fits = pairwise_iou(selector.sample, found.longest)
        written = {}
        for count in counts:
            library = share(selector, found.longest, fits, count)
            programs = library.programs.rounded()
            terms = weighted_terms(self._data.features, selector.sample.of_groups(library.members), programs)
            written[count] = [terms[number] for number in library.member_of]
        return written


def best_sizes(path: dict[int, torch.Tensor], min_gain: float) -> torch.Tensor:
    """The number of terms of each head's program, where every term must gain at least ``min_gain`` validation IoU.

    Args:
        path: Validation IoU of each head, shape (heads,), by number of terms.
        min_gain: Least IoU per term.

    >>> best_sizes({2: torch.tensor([0.5, 0.5]), 3: torch.tensor([0.501, 0.6])}, min_gain=0.002).tolist()
    [2, 3]
    """
    sizes = sorted(path)
    worth = torch.stack([path[size] - min_gain * size for size in sizes])
    return torch.tensor(sizes, device=worth.device)[worth.argmax(dim=0)]


class LastFit:
    """The last fit of the coefficients, on all training texts, with only the features that programs use.

    Args:
        data: The texts.
        by_size: Programs by number of terms.
        journal: Steps that an earlier run finished.
    """

    def __init__(self, data: SearchData, by_size: dict[int, SparsePrograms], journal: Journal[SparsePrograms]) -> None:
        self._settings = data.settings
        self._journal = journal
        used = torch.unique(torch.cat([found.chosen.flatten() for found in by_size.values()]))
        self._features = [data.features[number] for number in used.tolist()]
        place = torch.zeros(len(data.features), dtype=torch.long, device=used.device)
        place[used] = torch.arange(len(used), device=used.device)
        self._by_size = {size: SparsePrograms(place[old.chosen], old.coefficients) for size, old in by_size.items()}
        fitted = _evenly(data.train, data.settings.fit_texts or len(data.train))
        self._train = data.design(fitted, self._features)
        self._validation = data.design(data.validation, self._features)

    def iou_validation(self, size: int) -> torch.Tensor:
        """Validation IoU of each head's program of one size, before the last fit, shape (heads,)."""
        return mean_iou(self._validation, self._by_size[size])

    def fit_each(self, sizes: torch.Tensor, purpose: str) -> list[FoundProgram]:
        """Fits every head's program, each with its own size.

        Args:
            sizes: Number of terms of each head's program, shape (heads,).
            purpose: As in :meth:`fit`.
        """
        programs: dict[int, FoundProgram] = {}
        for size in progress(sorted(set(sizes.tolist())), "search: last fit", unit="sizes"):
            heads = (sizes == size).nonzero()[:, 0]
            programs |= dict(zip(heads.tolist(), self.fit(size, heads, purpose), strict=True))
        return [programs[head] for head in range(len(sizes))]

    def fit(self, size: int, heads: torch.Tensor, purpose: str) -> list[FoundProgram]:
        """Fits some heads' programs of one size by IoU and rounds their coefficients.

        Args:
            size: Number of terms.
            heads: Indices of the heads.
            purpose: Distinguishes this fit in the journal from others of the same size.
        """
        settings, start = self._settings, self._by_size[size].of_heads(heads)
        train, validation = self._train.of_heads(heads), self._validation.of_heads(heads)
        fine_tune = partial(fit_iou, train, start, settings.fine_tune_steps, settings.fine_tune_rate)
        fitted = self._journal.step(f"last fit of {size}, {purpose}", fine_tune)
        rounded = fitted.rounded()
        measured = (train, rounded), (validation, rounded), (validation, fitted)
        values = [mean_iou(design, programs).tolist() for design, programs in measured]
        terms = weighted_terms(self._features, train, rounded)
        return [FoundProgram(*each) for each in zip(terms, *values, strict=True)]


def weighted_terms(features: Sequence[Feature], design: Design, programs: SparsePrograms) -> list[list[WeightedTerm]]:
    """Each program's terms with their influence on the scores; terms with coefficient 0 are left out.

    Args:
        features: The features that the programs' indices refer to.
        design: Texts, with one pattern per program.
        programs: The programs.
    """
    columns = programs.chosen, programs.coefficients, influence(design, programs)
    rows = (zip(*row, strict=True) for row in zip(*(column.tolist() for column in columns), strict=True))
    return [[WeightedTerm(features[number], factor, move) for number, factor, move in row if factor] for row in rows]
