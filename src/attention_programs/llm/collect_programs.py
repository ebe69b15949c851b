"""All programs of a profile in one table: from the search, written by hand, by a language model, or imported."""

import sys
from collections import Counter
from dataclasses import replace

import pandas as pd

from attention_programs.config import Config
from attention_programs.llm.backends import ReplayBackend
from attention_programs.llm.call_log import read_log
from attention_programs.llm.session import Session, connected, open_session, requested_heads
from attention_programs.llm.synthesis_summary import COLUMNS, Explained, explained
from attention_programs.paths import Paths
from attention_programs.programs.library import load_library, load_written_for, with_verdicts
from attention_programs.programs.methods import BASELINE, CURATED
from attention_programs.programs.record import merge, read_programs
from attention_programs.untrusted.vetting import read_candidates, vet


def collect_programs(config: Config, paths: Paths) -> Explained:
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
    metrics = {
        "programs": dict(sorted(Counter(program.author for program in programs).items())),
        "look_ahead": sum(p.prefix_test != "prefix_only" for p in programs),
        "sandbox": level,
        "candidates": {
            "accepted": len(imported.accepted),
            "rejected": len(imported.rejected),
            "by_reason": imported.counts,
        },
        "explainer": written.metrics,
    }
    return Explained(programs, rejected, written.heads, metrics)


def _written(config: Config, paths: Paths, session: Session, elsewhere: set[str]) -> Explained:
    """The language model's programs, from recorded replies or live; heads without a recorded reply are left out."""
    settings = config.explainer
    nothing = Explained([], [], pd.DataFrame(columns=list(COLUMNS)), {})
    if settings.mode == "off":
        return nothing
    heads = requested_heads(settings, session.index)
    if settings.mode == "replay":
        replay = ReplayBackend(read_log(paths.root / settings.call_log), settings.call_log)
        known = [head for head in heads if replay.knows(session.index.weights_sha256, head, settings.model)]
        left_out = [head for head in heads if head not in known]
        if left_out:
            named = ", ".join(left_out[:6]) + (" ..." if len(left_out) > 6 else "")
            print(
                f"{settings.call_log} holds no replies of {settings.model!r} about {len(left_out)} of {len(heads)} "
                f"heads of this model, which are left out: {named}; ask with `attention-programs synthesize`",
                file=sys.stderr,
            )
        found = explained(session.explainer.run(known, replay), elsewhere) if known else nothing
        return replace(found, metrics=found.metrics | {"heads_not_recorded": left_out})
    with connected(settings, paths.root) as live:
        synthesis = session.explainer.run(heads, live)
        print(live.spending.line(), file=sys.stderr)
    return explained(synthesis, elsewhere)
