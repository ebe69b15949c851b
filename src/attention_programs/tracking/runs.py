"""The contents of a profile's run and its programs' runs."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import mlflow.data
import pandas as pd
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.entities import DatasetInput, InputTag, Param, Run

from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.errors import UserError
from attention_programs.files import read_csv, read_json, write_csv, write_json, write_text
from attention_programs.llm.call_log import Call
from attention_programs.models.model_record import read_record
from attention_programs.paths import Paths
from attention_programs.programs.methods import LLM, SELECTED
from attention_programs.programs.record import ProgramRecord, read_programs
from attention_programs.tracking.lineage import (
    DVC_LOCK,
    PARAMS_FILE,
    PIPELINE,
    REQUIREMENTS,
    Lineage,
    flattened,
    place_of,
)
from attention_programs.tracking.lookup import PARENT_TAG, PROFILE_RUN, PROGRAM_RUN
from attention_programs.tracking.measurements import perplexity_curves, program_metrics, qa_curves, to_metrics
from attention_programs.tracking.model_card import Validation
from attention_programs.tracking.prompt_registry import call_metrics, write_calls
from attention_programs.tracking.store import Store

BATCH = {"metrics": 900, "params": 100}
"""What MLflow accepts in one call."""
LONGEST_TAG = 5000
"""Maximum characters; MLflow rejects tags of more than 8,000."""


def profile_tags(config: Config, paths: Paths, lineage: Lineage, validation: Validation) -> dict[str, str]:
    """Tags of a profile's run: what it is, and its provenance."""
    record = read_record(paths.model)
    return {
        **lineage.tags(),
        "kind": PROFILE_RUN,
        "profile": config.profile,
        "model": config.model.name,
        "weights_sha256": record.weights_sha256,
        "quantization": record.quantization or "none",
        "ranking": validation.ranking,
        "gate": validation.gate,
        "sandbox_synthesize": read_json(paths.results / "synthesis.json")["sandbox"],
        "sandbox_score": read_json(paths.results / "scoring.json")["sandbox"],
        "mlflow.source.name": f"dvc repro ({config.profile})",
        "mlflow.source.git.commit": lineage.git_commit,
        "mlflow.note.content": f"Attention heads of {config.model.name} explained and replaced by programs. "
        "Each child run is a program that was selected for a head or written from a prompt.",
    }


def fill_profile_run(store: Store, run: Run, config: Config, paths: Paths, lineage: Lineage, files: list[Path]) -> None:
    """Logs a profile's params, datasets, metrics and files."""
    metrics = [
        *to_metrics(read_json(paths.results / "summary.json")),
        *perplexity_curves(read_csv(paths.results / "perplexity.csv")),
        *qa_curves(read_csv(paths.results / "qa.csv")),
    ]
    params = [Param(key, value) for key, value in flattened(asdict(config))]
    for start in range(0, len(params), BATCH["params"]):
        store.client.log_batch(run.info.run_id, params=params[start : start + BATCH["params"]])
    for start in range(0, len(metrics), BATCH["metrics"]):
        store.client.log_batch(run.info.run_id, metrics=metrics[start : start + BATCH["metrics"]])
    store.client.log_inputs(run.info.run_id, _data_sets(paths, lineage, store.root))
    with store.files(run) as folder:
        for file in files:
            if file.is_relative_to(paths.data):
                continue  # datasets are referenced, not copied; the surrogate is stored with its model
            home = paths.results if file.is_relative_to(paths.results) else paths.report
            _copy(file, folder / home.parent.name / file.relative_to(home))
        for name in (PARAMS_FILE, PIPELINE, DVC_LOCK, REQUIREMENTS):
            _copy(store.root / name, folder / name)


def _data_sets(paths: Paths, lineage: Lineage, root: Path) -> list[DatasetInput]:
    programs = [asdict(program) for program in read_programs(paths.programs)]
    tables = {
        paths.texts: pd.DataFrame([asdict(text) for text in read_texts(paths.texts)]),
        paths.programs: pd.DataFrame(programs)[["id", "name", "author", "prefix_test"]],
    }
    inputs = []
    for path, table in tables.items():
        place = place_of(path, root)
        digest = lineage.outputs[lineage.output_of(place)]
        data_set = mlflow.data.from_pandas(
            table, source=CodeDatasetSource({"path": place, "dvc_hash": digest}), name=path.stem, digest=digest[:36]
        )
        inputs.append(DatasetInput(data_set._to_mlflow_entity(), [InputTag("mlflow.data.context", path.stem)]))
    return inputs


def logged_programs(paths: Paths) -> list[tuple[ProgramRecord, pd.DataFrame]]:
    """Every program that was selected for a head or written from a prompt, with its rows of ``heads.csv``.

    The rows are those of the heads that it was selected for; they are empty if there are none.

    Raises:
        UserError: if a selected program is not in the program table.
    """
    programs = {program.id: program for program in read_programs(paths.programs)}
    table = read_csv(paths.results / "heads.csv")
    chosen = table[table["method"] == SELECTED]
    unknown = sorted(set(chosen["program_id"]) - set(programs))
    if unknown:
        raise UserError(f"{paths.programs} lacks program {unknown[0]!r}, which heads.csv selects; run `dvc repro`")
    selected = {str(key): rows for key, rows in chosen.groupby("program_id", sort=True)}
    nowhere = chosen.iloc[:0]
    return [
        (program, selected.get(key, nowhere))
        for key, program in sorted(programs.items())
        if key in selected or program.author == LLM or "prompt" in program.provenance
    ]


def log_program(
    store: Store,
    parent: Run,
    shared: dict[str, str],
    program: ProgramRecord,
    rows: pd.DataFrame,
    calls: Sequence[Call] = (),
) -> None:
    """Writes one program's run with only three calls and a few files, so that hundreds take seconds locally."""
    heads = " ".join(rows["head"])
    tags = {
        **shared,
        "kind": PROGRAM_RUN,
        PARENT_TAG: parent.info.run_id,
        "mlflow.note.content": program.description[:LONGEST_TAG],
        "author": program.author,
        "heads": heads if len(heads) <= LONGEST_TAG else f"{len(rows)} heads; see heads.csv",
        "program_id": program.id,
        "prefix_test": program.prefix_test,
        "format": program.format,
        "set_order_matters": str(program.set_order_matters),
        "intended_heads": " ".join(program.intended_heads)[:LONGEST_TAG],
        **({"parent_program": program.provenance["parent"]} if "parent" in program.provenance else {}),
    }
    run = store.client.create_run(parent.info.experiment_id, time.time_ns() // 1_000_000, tags, program.name)
    sizes = to_metrics({"terms": program.terms, "nodes": program.nodes})
    asked = call_metrics(program, calls) if program.author == LLM else []
    store.client.log_batch(run.info.run_id, metrics=[*program_metrics(rows), *sizes, *asked])
    with store.files(run) as folder:
        write_text(folder / "program.py", program.source)
        write_json(folder / "provenance.json", {"author": program.author, "id": program.id, **program.provenance})
        write_csv(folder / "heads.csv", rows)
        if "prompt" in program.provenance:  # of programs written by hand
            write_text(folder / "prompt.md", program.provenance["prompt"])
        write_calls(calls, folder)
    store.client.set_terminated(run.info.run_id)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
