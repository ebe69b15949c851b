"""The live command: asks for programs, tries them, and reports results and cost."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attention_programs.config import Config, ExplainerSettings, from_mapping
from attention_programs.errors import UserError
from attention_programs.files import records
from attention_programs.llm.batch import Export, export_batch, import_batch
from attention_programs.llm.budget import Prices
from attention_programs.llm.call_log import open_log
from attention_programs.llm.replies import ReplyProblem
from attention_programs.llm.session import Session, connected, log_path, open_session, requested_heads
from attention_programs.llm.synthesis_summary import SynthesisResult, explained
from attention_programs.paths import Paths


def with_options(settings: ExplainerSettings, **options: Any) -> ExplainerSettings:
    """The settings, overridden by the command-line options that were given.

    With another model, the quantization and file hash in the settings no longer apply.

    Raises:
        UserError: if a number is out of range.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("model", settings.model) != settings.model:
        given |= {"quantization": "", "file_sha256": ""}
    if "heads" in given and "," in given["heads"]:
        given["heads"] = _names(given["heads"])
    if "leave_out" in given:
        given["leave_out"] = _names(given["leave_out"])
    return from_mapping(ExplainerSettings, asdict(settings) | given, "command line")


def _names(listed: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def run(config: Config, paths: Paths, replies: Path | None = None, requests: Path | None = None) -> None:
    """Asks about heads, or imports and exports a batch.

    Args:
        config: All settings.
        paths: The profile's files.
        replies: Replies of a batch to read first.
        requests: Where to write the next requests.

    Raises:
        UserError: if something is missing, or the endpoint rejects the key, model or settings.
    """
    settings = config.explainer
    log_file = log_path(settings, paths.root)
    if replies:
        found = import_batch(replies, open_log(log_file), Prices.of(settings))
        print(f"{found.answered} replies imported, {found.failed} failed, {found.known} already known")
        for line in found.unreadable:
            print(f"skipped: {line}", file=sys.stderr)
    with open_session(config, paths) as session:
        heads = requested_heads(settings, session.index)
        if replies or requests:
            _move_batch(session, settings, heads, log_file, requests)
            return
        with connected(settings, paths.root) as live:
            try:
                synthesis = session.explainer.run(heads, live)
            finally:
                print(f"{settings.model}: {live.spending.line()}")
    _print(synthesis, settings, log_file)
    require_programs(synthesis, settings)


def require_programs(synthesis: SynthesisResult, settings: ExplainerSettings) -> None:
    """Makes sure that some program came out.

    Raises:
        UserError: if no head got a program.
    """
    if synthesis.failed and not synthesis.prompts:
        raise UserError(f"no answer from {settings.model} at {settings.base_url}; check both, then run again")
    if synthesis.prompts and not any(head_result.best for head_result in synthesis.head_results.values()):
        spent = synthesis.problems[ReplyProblem.REASONED]
        remedy = _more_tokens(settings) if spent else "try another model"
        raise UserError(f"no head got a program from {settings.model}; {remedy}, then run again")


def _move_batch(
    session: Session, settings: ExplainerSettings, heads: list[str], log_file: Path, target: Path | None
) -> None:
    log = open_log(log_file)
    export = Export(log)
    synthesis = session.explainer.run(heads, export)
    if target is None:
        _print(synthesis, settings, log_file)
        if not export.missing:
            require_programs(synthesis, settings)
        return
    if not export.missing:
        print(f"nothing left to ask: all {len(heads)} heads are answered in {log_file}")
        return
    export_batch(export.missing, log, target)
    print(f"{len(export.missing)} requests in {target}; pass the replies to --import-batch, then export the next round")


def _print(synthesis: SynthesisResult, settings: ExplainerSettings, log_file: Path) -> None:
    result = explained(synthesis, elsewhere=())
    print(f"{'head':8} {'programs':>8} {'JSD':>7} {'revised':>8} {'IoU':>7} {'fitted':>7}")
    for row in records(result.heads):
        revised = "kept" if row.kept_round and row.kept_round > 0 else ""
        values = (row.jsd_kept, row.iou_kept, row.iou_fitted)
        jsd, iou, fitted = ("-" if pd.isna(value) or np.isinf(value) else f"{value:.3f}" for value in values)
        print(f"{row.head:8} {row.programs:8d} {jsd:>7} {revised:>8} {iou:>7} {fitted:>7}")
    metrics = result.metrics
    reasons = {**metrics["rejected"], **metrics["replies_without_a_program"]}
    rejected = ", ".join(f"{reason} {count}" for reason, count in reasons.items()) or "none"
    print(f"{metrics['candidates']} candidates, {metrics['repeated']} repeated; not usable: {rejected}")
    spent = metrics["replies_without_a_program"].get(ReplyProblem.REASONED, 0)
    if spent:
        print(
            f"{spent} replies were used up by the model's reasoning before it wrote a program: {_more_tokens(settings)}"
        )
    for head, error in synthesis.failed.items():
        print(f"{head}: {error}")
    if synthesis.left:
        print(f"not asked: {', '.join(synthesis.left)}; run again with a larger budget; nothing is paid for twice")
    print(f"replies are in {log_file}; `dvc repro` uses their programs for explainer.model and explainer.heads")


def _more_tokens(settings: ExplainerSettings) -> str:
    return f"raise explainer.max_completion_tokens ({settings.max_completion_tokens}; --max-completion-tokens)"
