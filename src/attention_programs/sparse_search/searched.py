"""What the search makes of a profile: a program for every head, the fitted baselines, and variants."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attention_programs.attention.store import AttentionIndex, MappedText, read_index, read_maps
from attention_programs.config import SynthesisSettings
from attention_programs.corpora.text import Split
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.models.loading import best_device
from attention_programs.programs.table import ProgramRecord, merge
from attention_programs.programs.view import TokenView
from attention_programs.sparse_search.domains import fit_domains
from attention_programs.sparse_search.equal_size import fit_equal_size, sizes_by_hand
from attention_programs.sparse_search.mixture import fit_mixtures
from attention_programs.sparse_search.search import FoundProgram, Material, Search
from attention_programs.sparse_search.sparse import search_journal
from attention_programs.sparse_search.variants import Variant, Writer

FITTED_SPLITS: tuple[Split, ...] = ("train", "validation")
PREFIX_TEXTS = 6
"""Training texts on which each program's prefix rule is tested."""


@dataclass(frozen=True)
class Searched:
    """What the search found and went through."""

    programs: list[ProgramRecord]
    """Those of every head, and the fitted baselines."""
    metrics: dict[str, Any]
    path: list[dict[str, Any]]
    """Mean validation IoU by number of terms, before the last fit."""
    variants: list[Variant]
    """Other programs of every head: with other numbers of terms, shared between heads, from one corpus alone."""
    equal_size: list[ProgramRecord]
    """For each head with a program by hand, one of as many terms as that has."""


def search_programs(
    attention: Path, settings: SynthesisSettings, checkpoint: Path, by_hand: Sequence[ProgramRecord] = ()
) -> Searched:
    """Searches a program for every head.

    Args:
        attention: Folder of maps.
        settings: Sizes and budgets.
        checkpoint: File in which the search keeps its finished steps until it is done.
        by_hand: Programs written for single heads, whose sizes the search matches.

    Raises:
        UserError: if there are no training or no validation texts.
    """
    index = read_index(attention)
    train, validation = ([text.halved() for text in read_maps(attention, [split])] for split in FITTED_SPLITS)
    if not train or not validation:
        raise UserError(f"{attention} holds {len(train)} train and {len(validation)} validation texts; both are needed")
    provenance = _search_provenance(index, settings, train, validation)
    writer = Writer(provenance, prefix_views(train, index), index.head_list)
    device = best_device()
    material = Material(train, validation, settings, device)
    sizes = sizes_by_hand(by_hand, index.head_list)
    goal = [provenance, {str(head): size for head, size in sizes.items()}]
    journal = search_journal(checkpoint, sha256_text(json.dumps(goal, sort_keys=True)), device)
    search = Search(material, journal)
    found = search.run()
    records = [
        writer.record(program.terms, f"search {head}", [head], _details(program))
        for program, head in zip(found.programs, index.head_list, strict=True)
    ]
    variants = [
        *(writer.variant(f"terms/{size}", [p.terms for p in programs]) for size, programs in found.sizes.items()),
        *(writer.variant(f"shared/{n}", terms) for n, terms in search.share(found, settings.shared).items()),
        *(writer.variant(f"fitted on/{name}", terms) for name, terms in fit_domains(material, journal).items()),
    ]
    places = {index.head_list.index(head): size for head, size in sizes.items()}
    equal_size = [
        writer.record(program.terms, f"search {head}, {sizes[head]} terms", [head], _details(program))
        for program, head in zip(fit_equal_size(material, places, journal), sizes, strict=True)
    ]
    mixtures = fit_mixtures(material.sample, material.features, index.head_list)
    checkpoint.unlink(missing_ok=True)
    path = [{"terms": terms, "iou_validation": iou} for terms, iou in found.path.items()]
    return Searched(merge([*records, *mixtures]), _metrics(found.programs), path, variants, equal_size)


def prefix_views(train: Sequence[MappedText], index: AttentionIndex) -> list[TokenView]:
    """The texts on which the prefix rule is tested."""
    return [TokenView.of(text) for text in train[:PREFIX_TEXTS]]


def _search_provenance(
    index: AttentionIndex, settings: SynthesisSettings, train: Sequence[MappedText], validation: Sequence[MappedText]
) -> dict[str, Any]:
    return {
        "author": "search",
        "objective": "pattern",
        "settings": dataclasses.asdict(settings),
        "weights_sha256": index.weights_sha256,
        "train_texts": len(train),
        "train_texts_sha256": sha256_text(" ".join(sorted(text.key for text in train))),
        "validation_texts": len(validation),
        "validation_texts_sha256": sha256_text(" ".join(sorted(text.key for text in validation))),
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
