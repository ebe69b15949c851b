"""The search for a whole profile: a program for every head, the fitted baselines, and analyses."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attention_programs.attention.pattern_store import AttentionIndex, TextAttention, read_index, read_patterns
from attention_programs.checkpoint import Checkpoint, Journal
from attention_programs.config import SynthesisSettings
from attention_programs.corpora.text import Split
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.models.head import Head
from attention_programs.models.loading import best_device
from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.methods import FITTED_AT
from attention_programs.programs.parser import summands
from attention_programs.programs.record import ProgramRecord, merge
from attention_programs.programs.view import TokenView
from attention_programs.sparse_search.analyses import Analysis, Writer
from attention_programs.sparse_search.search import FoundProgram, Search, SearchData
from attention_programs.sparse_search.sink_self_baseline import fit_sink_self
from attention_programs.sparse_search.sparse_programs import SparsePrograms, search_journal

FITTED_SPLITS: tuple[Split, ...] = ("train", "validation")
PREFIX_TEXTS = 6
"""Training texts on which each program's prefix rule is tested."""


@dataclass(frozen=True)
class SearchOutputs:
    """The results of the search."""

    programs: list[ProgramRecord]
    """Every head's program, and the fitted baselines."""
    metrics: dict[str, Any]
    path: list[dict[str, Any]]
    """Mean validation IoU by number of terms, before the last fit."""
    analyses: list[Analysis]
    """Alternative programs for every head: of other sizes, shared between heads, or found on a single corpus."""
    equal_size: list[ProgramRecord]
    """For each head with a curated program, a program with as many terms."""


def search_programs(
    attention: Path, settings: SynthesisSettings, folder: Path, by_hand: Sequence[ProgramRecord] = ()
) -> SearchOutputs:
    """Searches for a program for every head.

    Args:
        attention: Folder of patterns.
        settings: Sizes and budgets.
        folder: Folder in which the search keeps its finished steps until it is done.
        by_hand: Curated programs for single heads, whose sizes the search matches.

    Raises:
        UserError: if there are no training texts or no validation texts.
    """
    index = read_index(attention)
    train, validation = ([text.halved() for text in read_patterns(attention, [split])] for split in FITTED_SPLITS)
    if not train or not validation:
        raise UserError(f"{attention} has {len(train)} train and {len(validation)} validation texts; both are needed")
    data = SearchData(train, validation, settings, best_device())
    provenance = _search_provenance(index, data)
    writer = Writer(provenance, prefix_views(train), index.head_list)
    sizes = sizes_by_hand(by_hand, index.head_list)
    goal = [provenance, {str(head): size for head, size in sizes.items()}]
    checkpoint = Checkpoint(folder, json.dumps(goal, sort_keys=True))
    journal = search_journal(checkpoint, data.device)
    search = Search(data, journal)
    found = search.run()
    records = [
        writer.record(program.terms, f"search {head}", [head], _details(program))
        for program, head in zip(found.programs, index.head_list, strict=True)
    ]
    analyses = [
        *(writer.analysis(f"terms/{size}", [p.terms for p in programs]) for size, programs in found.sizes.items()),
        *(writer.analysis(f"shared/{n}", terms) for n, terms in search.share(found, settings.shared).items()),
        *(writer.analysis(f"transfer/{name}", terms) for name, terms in fit_each_corpus(data, journal).items()),
        *(writer.analysis(f"{FITTED_AT}{size}", terms) for size, terms in fit_each_length(data, journal).items()),
    ]
    places = {index.head_list.index(head): size for head, size in sizes.items()}
    equal_size = [
        writer.record(program.terms, f"search {head}, {sizes[head]} terms", [head], _details(program))
        for program, head in zip(fit_equal_size(data, places, journal), sizes, strict=True)
    ]
    sink_self = fit_sink_self(data.sample, data.features, index.head_list)
    checkpoint.remove()
    path = [{"terms": terms, "iou_validation": iou} for terms, iou in found.path.items()]
    return SearchOutputs(merge([*records, *sink_self]), _metrics(found.programs), path, analyses, equal_size)


def fit_each_corpus(data: SearchData, journal: Journal[SparsePrograms]) -> dict[str, list[list[WeightedTerm]]]:
    """The terms of each head's program for each corpus, found on that corpus only.

    These searches are smaller than the one on all texts: ``transfer_texts`` instead of ``sample_texts``, no swaps, and
    all programs of the same size. Empty if there is only one corpus, or ``transfer_texts`` is 0.

    Args:
        data: All texts.
        journal: Steps that an earlier run finished.
    """
    names = sorted({text.corpus for text in data.train})
    settings = data.settings
    if len(names) < 2 or not settings.transfer_texts:
        return {}
    small = dataclasses.replace(settings, sample_texts=settings.transfer_texts, swap_rounds=0)
    searches = {name: Search(data.of_corpus(name, small), journal.within(name)) for name in names}
    return {name: [found.terms for found in search.of_size(small.max_terms)] for name, search in searches.items()}


def fit_each_length(data: SearchData, journal: Journal[SparsePrograms]) -> dict[int, list[list[WeightedTerm]]]:
    """The terms of each head's program for each of ``fitted_lengths``, found on beginnings of that length only.

    All programs have ``max_terms`` terms. Empty for encoders, whose patterns depend on the whole text.

    Args:
        data: All texts.
        journal: Steps that an earlier run finished.
    """
    lengths = data.settings.fitted_lengths if data.train[0].causal else ()
    searches = {tokens: Search(data.of_beginnings(tokens), journal.within(f"{tokens} tokens")) for tokens in lengths}
    return {
        tokens: [found.terms for found in search.of_size(data.settings.max_terms, f"{tokens} tokens")]
        for tokens, search in searches.items()
    }


def sizes_by_hand(by_hand: Sequence[ProgramRecord], heads: Sequence[Head]) -> dict[Head, int]:
    """The number of terms of each selected head's curated program, if it has one; if it has several, the largest.

    Args:
        by_hand: The curated programs; those without vocabulary terms are ignored.
        heads: The selected heads, in the order of the patterns.
    """
    found: dict[Head, int] = {}
    for program in by_hand:
        for head in map(Head.parse, program.intended_heads):
            found[head] = max(found.get(head, 0), summands(program))
    return {head: found[head] for head in heads if found.get(head)}


def fit_equal_size(data: SearchData, sizes: Mapping[int, int], journal: Journal[SparsePrograms]) -> list[FoundProgram]:
    """A program of a given size for each of some heads: selected, swapped and fitted as in the main search.

    Args:
        data: The texts with the patterns of all heads.
        sizes: Number of terms by the head's index.
        journal: Steps that an earlier run finished.

    Returns:
        The programs, in the order of ``sizes``.
    """
    found: dict[int, FoundProgram] = {}
    for size in sorted(set(sizes.values())):
        heads = [head for head, terms in sizes.items() if terms == size]
        search = Search(data.of_heads(heads), journal.within(f"equal size {size}"))
        found |= dict(zip(heads, search.of_size(size, f"equal size, {len(heads)} heads"), strict=True))
    return [found[head] for head in sizes]


def prefix_views(train: Sequence[TextAttention]) -> list[TokenView]:
    """The texts on which the prefix rule is tested."""
    return [TokenView.of(text) for text in train[:PREFIX_TEXTS]]


def _search_provenance(index: AttentionIndex, data: SearchData) -> dict[str, Any]:
    return {
        "author": "search",
        "objective": "attention_loss",
        "settings": dataclasses.asdict(data.settings),
        "weights_sha256": index.weights_sha256,
        "train_texts": len(data.train),
        "train_texts_sha256": sha256_text(" ".join(sorted(text.key for text in data.train))),
        "validation_texts": len(data.validation),
        "validation_texts_sha256": sha256_text(" ".join(sorted(text.key for text in data.validation))),
    }


def _details(program: FoundProgram) -> dict[str, Any]:
    return {"iou_train": program.iou_train, "iou_validation": program.iou_validation}


def _metrics(found: Sequence[FoundProgram]) -> dict[str, Any]:
    return {
        "mean_terms": float(np.mean([len(f.terms) for f in found])),
        "mean_iou_train": float(np.mean([f.iou_train for f in found])),
        "mean_iou_validation": float(np.mean([f.iou_validation for f in found])),
        "mean_iou_validation_lost_by_rounding": float(np.mean([f.iou_unrounded - f.iou_validation for f in found])),
    }
