"""All programs of a profile in one table: found by the search, written by hand, by a language model, by others."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from attention_programs.config import Config, ExplainerSettings
from attention_programs.llm.outcome import COLUMNS, Explained, explained
from attention_programs.llm.session import Session, asked_heads, connected, open_session, recorded
from attention_programs.paths import Paths
from attention_programs.programs.library import load_library, load_written_for, with_verdicts
from attention_programs.programs.methods import BASELINE, CURATED
from attention_programs.programs.table import ProgramRecord, merge, read_programs
from attention_programs.untrusted.vetting import Admission, admit, read_candidates


@dataclass(frozen=True)
class Gathered:
    """The program table and where it comes from."""

    programs: list[ProgramRecord]
    refused: list[dict[str, Any]]
    """Programs of unknown origin that were not taken in, each with its reason."""
    explained: pd.DataFrame
    """A row a head that the language model was asked about."""
    metrics: dict[str, Any]


def gather(config: Config, paths: Paths) -> Gathered:
    """Brings the programs of all sources together.

    Args:
        config: All settings.
        paths: Where the search's programs and the maps lie.

    Raises:
        UserError: if a file or a recorded reply is missing, or too many imported programs are refused.
    """
    with open_session(config, paths) as session:
        imported = admit(read_candidates(paths.root / config.synthesis.imported), session.runner, session.prefix_test)
        imported.require_share(config.synthesis.max_refused)
        folder = config.synthesis.library
        library = [
            *load_library(paths.root, folder, CURATED),
            *load_written_for(paths.root, f"{folder}/{config.model.name}", CURATED),
            *load_library(paths.root, config.synthesis.baselines, BASELINE),
        ]
        in_files = with_verdicts(library, session.runner, session.prefix_test)
        others = [*read_programs(paths.searched), *in_files, *imported.admitted]
        written = _written(config, paths, session, {program.id for program in others})
        level = session.runner.level
    programs = merge([*others, *written.programs])
    refused = [*(refusal.to_json() for refusal in imported.refused), *written.refused]
    return Gathered(programs, refused, written.heads, _metrics(programs, imported, written, level))


def _written(config: Config, paths: Paths, session: Session, elsewhere: set[str]) -> Explained:
    """The language model's programs, from recorded replies or live; heads that were never asked about are left out."""
    settings = config.explainer
    nothing = Explained([], [], pd.DataFrame(columns=list(COLUMNS)), {})
    if settings.mode == "off":
        return nothing
    heads = asked_heads(settings, session.index)
    if settings.mode == "replay":
        replay = recorded(settings, paths.root)
        known = [head for head in heads if replay.knows(session.index.weights_sha256, head, settings.model)]
        left_out = [head for head in heads if head not in known]
        if left_out:
            print(_left_out(left_out, len(heads), settings), file=sys.stderr)
        found = explained(session.explainer.tell(known, replay), elsewhere) if known else nothing
        return replace(found, metrics=found.metrics | {"heads_not_recorded": left_out})
    with connected(settings, paths.root) as live:
        told = session.explainer.tell(heads, live.replier)
        print(live.spending.line(), file=sys.stderr)
    return explained(told, elsewhere)


def _left_out(heads: Sequence[str], asked: int, settings: ExplainerSettings) -> str:
    named = ", ".join(heads[:6]) + (" ..." if len(heads) > 6 else "")
    return (
        f"{settings.exchanges} holds no replies of {settings.model!r} about {len(heads)} of {asked} heads of this "
        f"model, which are left out: {named}; ask with `attention-programs synthesize`"
    )


def _metrics(programs: Sequence[ProgramRecord], imported: Admission, written: Explained, level: str) -> dict[str, Any]:
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
        "explainer": written.metrics,
    }
