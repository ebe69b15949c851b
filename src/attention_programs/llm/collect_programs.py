"""All programs of a profile in one table: from the search, written by hand, by a language model, or imported."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from attention_programs.config import Config, ExplainerSettings
from attention_programs.llm.session import Session, connected, open_session, recorded, requested_heads
from attention_programs.llm.synthesis_summary import COLUMNS, Explained, explained
from attention_programs.paths import Paths
from attention_programs.programs.library import load_library, load_written_for, with_verdicts
from attention_programs.programs.methods import BASELINE, CURATED
from attention_programs.programs.record import ProgramRecord, merge, read_programs
from attention_programs.untrusted.vetting import Vetting, read_candidates, vet


@dataclass(frozen=True)
class CollectedPrograms:
    """The program table, and how it came about."""

    programs: list[ProgramRecord]
    rejected: list[dict[str, Any]]
    """Rejected untrusted programs, each with its reason."""
    explained: pd.DataFrame
    """One row per head that the language model was asked about."""
    metrics: dict[str, Any]


def collect_programs(config: Config, paths: Paths) -> CollectedPrograms:
    """Collects the programs of all sources.

    Raises:
        UserError: if a file or a recorded reply is missing, or too many imported programs are rejected.
    """
    with open_session(config, paths) as session:
        imported = vet(read_candidates(paths.root / config.synthesis.imported), session.runner, session.prefix_test)
        imported.require_share(config.synthesis.max_rejected)
        folder = config.synthesis.library
        library = [
            *load_library(paths.root, folder, CURATED),
            *load_written_for(paths.root, f"{folder}/{config.model.name}", CURATED),
            *load_library(paths.root, config.synthesis.baselines, BASELINE),
        ]
        in_files = with_verdicts(library, session.runner, session.prefix_test)
        others = [*read_programs(paths.found_programs), *in_files, *imported.accepted]
        written = _written(config, paths, session, {program.id for program in others})
        level = session.runner.level
    programs = merge([*others, *written.programs])
    rejected = [*(rejection.to_json() for rejection in imported.rejected), *written.rejected]
    return CollectedPrograms(programs, rejected, written.heads, _metrics(programs, imported, written, level))


def _written(config: Config, paths: Paths, session: Session, elsewhere: set[str]) -> Explained:
    """The language model's programs, from recorded replies or live; heads without a recorded reply are left out."""
    settings = config.explainer
    nothing = Explained([], [], pd.DataFrame(columns=list(COLUMNS)), {})
    if settings.mode == "off":
        return nothing
    heads = requested_heads(settings, session.index)
    if settings.mode == "replay":
        replay = recorded(settings, paths.root)
        known = [head for head in heads if replay.knows(session.index.weights_sha256, head, settings.model)]
        left_out = [head for head in heads if head not in known]
        if left_out:
            print(_left_out(left_out, len(heads), settings), file=sys.stderr)
        found = explained(session.explainer.run(known, replay), elsewhere) if known else nothing
        return replace(found, metrics=found.metrics | {"heads_not_recorded": left_out})
    with connected(settings, paths.root) as live:
        synthesis = session.explainer.run(heads, live)
        print(live.spending.line(), file=sys.stderr)
    return explained(synthesis, elsewhere)


def _left_out(heads: Sequence[str], asked: int, settings: ExplainerSettings) -> str:
    named = ", ".join(heads[:6]) + (" ..." if len(heads) > 6 else "")
    return (
        f"{settings.call_log} has no replies of {settings.model!r} about {len(heads)} of {asked} heads of this "
        f"model, which are left out: {named}; get them with `attention-programs synthesize`"
    )


def _metrics(programs: Sequence[ProgramRecord], imported: Vetting, written: Explained, level: str) -> dict[str, Any]:
    authors = sorted({program.author for program in programs})
    return {
        "programs": {author: sum(p.author == author for p in programs) for author in authors},
        "look_ahead": sum(p.causal != "prefix_only" for p in programs),
        "sandbox": level,
        "candidates": {
            "accepted": len(imported.accepted),
            "rejected": len(imported.rejected),
            "by_reason": imported.counts,
        },
        "explainer": written.metrics,
    }
