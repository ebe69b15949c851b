"""All programs of a profile: found by the search, written by hand, and the baselines; one table."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attention_programs.attention.store import AttentionIndex, MappedText, read_index, read_maps
from attention_programs.config import SandboxSettings, SynthesisSettings
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.heads import Head
from attention_programs.programs.admission import Admission, admit, read_candidates
from attention_programs.programs.execution import Runner
from attention_programs.programs.library import load_library
from attention_programs.programs.prefix import PrefixTest, causality
from attention_programs.programs.table import ProgramRecord, make_record, merge
from attention_programs.programs.view import TokenView
from attention_programs.synthesis.design import build_design
from attention_programs.synthesis.emission import emit
from attention_programs.synthesis.features import candidate_features
from attention_programs.synthesis.mixture import fit_mixtures
from attention_programs.synthesis.search import FoundProgram, Search

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


def synthesize(attention: Path, settings: SynthesisSettings, sandbox: SandboxSettings, workers: int) -> Synthesis:
    """Makes every program of a profile.

    Args:
        attention: Folder of maps.
        settings: Sizes, budgets and library folders.
        sandbox: Limits of programs of unknown origin.
        workers: Threads, and programs side by side in the sandbox.
    """
    index = read_index(attention)
    train = list(read_maps(attention, ["train"]))
    validation = list(read_maps(attention, ["validation"]))
    if not train or not validation:
        raise UserError(f"{attention} holds {len(train)} train and {len(validation)} validation texts; both are needed")
    features = candidate_features(index.causal)
    views = [TokenView(t.ids, t.pieces, index.causal) for t in train[:PREFIX_TEXTS]]
    with Runner(sandbox, workers, index.token_style) as runner:
        imported = admit(read_candidates(Path(settings.imported)), runner, PrefixTest(views))
        level = runner.level
    imported.require_share(settings.max_refused)
    curated = load_library(Path(settings.library), "curated", views)
    baselines = load_library(Path(settings.baselines), "baseline", views)
    train_design = build_design(train, features, index.causal)
    validation_design = build_design(validation, features, index.causal)
    found = Search(train_design, validation_design, features, settings, workers).run()
    provenance = _search_provenance(index, settings, train, validation)
    searched = [
        _search_record(program, head, provenance, views) for program, head in zip(found, index.head_list, strict=True)
    ]
    mixtures = fit_mixtures(train_design, features, index.head_list)
    programs = merge([*searched, *curated, *baselines, *mixtures, *imported.admitted])
    refused = [refusal.to_json() for refusal in imported.refused]
    return Synthesis(programs, refused, _metrics(programs, found, imported, level), _path(found))


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


def _search_record(
    program: FoundProgram, head: Head, provenance: dict[str, Any], views: Sequence[TokenView]
) -> ProgramRecord:
    details = {
        **provenance,
        "iou_train": program.iou_train,
        "iou_validation": program.iou_validation,
        "iou_validation_by_terms": program.path_validation,
    }
    record = make_record(emit(program.terms), f"search {head}", "search", "verified", [str(head)], details)
    return dataclasses.replace(record, causal=causality(record.compiled(), views))


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
        },
    }


def _path(found: Sequence[FoundProgram]) -> list[dict[str, Any]]:
    means = np.mean([f.path_validation for f in found], axis=0)
    return [{"terms": terms, "iou_validation": float(mean)} for terms, mean in enumerate(means, start=2)]
