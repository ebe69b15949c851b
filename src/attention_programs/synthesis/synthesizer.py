"""All programs of a profile: found by the search, written by hand, and the baselines; one table."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attention_programs.attention.store import AttentionIndex, MappedText, read_index, read_maps
from attention_programs.config import SandboxSettings, SynthesisSettings
from attention_programs.corpora.text import Split
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.models.loading import best_device
from attention_programs.programs.admission import Admission, admit, read_candidates
from attention_programs.programs.execution import Runner
from attention_programs.programs.library import load_library
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.table import ProgramRecord, merge
from attention_programs.programs.view import TokenView
from attention_programs.synthesis.domains import fit_domains
from attention_programs.synthesis.journal import Journal
from attention_programs.synthesis.mixture import fit_mixtures
from attention_programs.synthesis.search import FoundProgram, Material, Search
from attention_programs.synthesis.variants import Variant, Writer

FITTED_SPLITS: tuple[Split, ...] = ("train", "validation")
PREFIX_TEXTS = 6
"""Training texts on which each program's prefix rule is tested."""


@dataclass(frozen=True)
class Synthesis:
    """The program table and what the search went through."""

    programs: list[ProgramRecord]
    refused: list[dict[str, Any]]
    """Programs of unknown origin that were not taken in, each with its reason."""
    metrics: dict[str, Any]
    path: list[dict[str, Any]]
    """Mean validation IoU by number of terms, before the last fit."""
    variants: list[Variant]
    """Other programs of every head: with other numbers of terms, shared between heads, from one corpus alone."""


def synthesize(
    attention: Path, settings: SynthesisSettings, sandbox: SandboxSettings, workers: int, standing: Path
) -> Synthesis:
    """Makes every program of a profile.

    Args:
        attention: Folder of maps.
        settings: Sizes, budgets and library folders.
        sandbox: Limits of programs of unknown origin.
        workers: Programs side by side in the sandbox.
        standing: File in which the search keeps its finished steps until it is done.
    """
    index = read_index(attention)
    train, validation = ([text.halved() for text in read_maps(attention, [split])] for split in FITTED_SPLITS)
    if not train or not validation:
        raise UserError(f"{attention} holds {len(train)} train and {len(validation)} validation texts; both are needed")
    views = [TokenView(t.ids, t.pieces, index.causal) for t in train[:PREFIX_TEXTS]]
    with Runner(sandbox, workers, index.token_style) as runner:
        imported = admit(read_candidates(Path(settings.imported)), runner, PrefixTest(views))
        level = runner.level
    imported.require_share(settings.max_refused)
    curated = load_library(Path(settings.library), "curated", views)
    baselines = load_library(Path(settings.baselines), "baseline", views)
    provenance = _search_provenance(index, settings, train, validation)
    writer = Writer(provenance, views, index.head_list)
    device = best_device()
    material = Material(train, validation, index.causal, settings, device)
    journal = Journal(standing, sha256_text(json.dumps(provenance, sort_keys=True)), device)
    search = Search(material, journal)
    found = search.run()
    searched = [
        writer.record(program.terms, f"search {head}", [head], _details(program))
        for program, head in zip(found.programs, index.head_list, strict=True)
    ]
    variants = [
        *(writer.variant(f"terms/{size}", [p.terms for p in programs]) for size, programs in found.sizes.items()),
        *(writer.variant(f"shared/{n}", terms) for n, terms in search.share(found, settings.shared).items()),
        *(writer.variant(f"fitted on/{name}", terms) for name, terms in fit_domains(material, journal).items()),
    ]
    mixtures = fit_mixtures(material.sample, material.features, index.head_list)
    programs = merge([*searched, *curated, *baselines, *mixtures, *imported.admitted])
    refused = [refusal.to_json() for refusal in imported.refused]
    standing.unlink(missing_ok=True)
    path = [{"terms": terms, "iou_validation": iou} for terms, iou in found.path.items()]
    return Synthesis(programs, refused, _metrics(programs, found.programs, imported, level), path, variants)


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


def _metrics(
    programs: Sequence[ProgramRecord], found: Sequence[FoundProgram], imported: Admission, level: str
) -> dict[str, Any]:
    authors = sorted({program.author for program in programs})
    return {
        "programs": {author: sum(p.author == author for p in programs) for author in authors},
        "look_ahead": sum(p.causal != "verified" for p in programs),
        "sandbox": level,
        "candidates": {
            "admitted": len(imported.admitted),
            "refused": len(imported.refused),
            "by_reason": imported.counts,
        },
        "search": {
            "mean_terms": float(np.mean([len(f.terms) for f in found])),
            "mean_iou_train": float(np.mean([f.iou_train for f in found])),
            "mean_iou_validation": float(np.mean([f.iou_validation for f in found])),
            "mean_iou_validation_lost_by_rounding": float(np.mean([f.iou_unrounded - f.iou_validation for f in found])),
        },
    }
