"""The whole search with several seeds: how much its results depend on which texts are for which purpose."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from attention_programs.config import load_config
from attention_programs.errors import UserError
from attention_programs.files import read_csv, read_yaml, write_csv, write_text
from attention_programs.paths import Paths
from attention_programs.programs.methods import FITTED_SINK_SELF, SELECTED
from attention_programs.project.reproduction import compose, environment

STAGES = ("corpora", "attention", "search", "synthesize", "score", "select")
SHARED = ("corpora", "library", "models", "external", "pipelines")
"""Folders that all seeds read."""
METRICS = ("iou", "sink_excluded_iou")


def measure_seeds(root: Path, profile: str, seeds: int, target: Path) -> pd.DataFrame:
    """Runs the stages up to the selection of programs once for each seed, from 0, in folders of their own.

    The seed decides on the split of the texts; the search itself draws nothing. The language model's programs are left
    out, as their replies are recorded for one split.

    Args:
        root: The project; the profile's model must be there.
        profile: Name of a file in ``conf/profile``.
        seeds: Number of seeds.
        target: The table, written again after each seed.

    Returns:
        One row per seed: test IoU of the selected programs and of the fitted baseline, with intervals over texts.

    Raises:
        UserError: if there is no such profile or model, or a stage fails.
    """
    rows: list[dict[str, Any]] = []
    for seed in range(seeds):
        print(f"seed {seed}, {seed + 1} of {seeds}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="attention-programs-seed-") as folder:
            rows.append({"seed": seed} | _run(root, profile, seed, Path(folder)))
        write_csv(target, pd.DataFrame(rows))
    return pd.DataFrame(rows)


def _run(root: Path, profile: str, seed: int, folder: Path) -> dict[str, Any]:
    compose(profile, folder / "params.yaml", root)
    settings = read_yaml(folder / "params.yaml") | {"seed": seed}
    settings["explainer"] |= {"mode": "off"}
    write_text(folder / "params.yaml", json.dumps(settings))  # JSON is YAML, too
    config = load_config(folder / "params.yaml")
    if not (root / "models" / config.model.name).is_dir():
        model = root / "models" / config.model.name
        raise UserError(f"{model} does not exist; run `attention-programs reproduce --profile {profile}`")
    for name in SHARED:
        if (root / name).exists():
            (folder / name).symlink_to((root / name).absolute(), target_is_directory=True)
    for stage in STAGES:
        command = [sys.executable, "-m", f"pipelines.{stage}"]
        if subprocess.run(command, cwd=folder, env=environment(root), check=False).returncode:
            raise UserError(f"stage {stage} failed with seed {seed}; see above")
    return _row(Paths.of(config, folder).results)


def _row(results: Path) -> dict[str, Any]:
    table = read_csv(results / "iou.csv")
    everywhere = table[table["corpus"] == "all"].set_index(["method", "metric"])
    row: dict[str, Any] = {"heads": read_csv(results / "heads.csv")["head"].nunique()}
    for method in (SELECTED, FITTED_SINK_SELF):
        for metric in METRICS:
            for bound in ("mean", "low", "high"):
                name = f"{method}_{metric}" if bound == "mean" else f"{method}_{metric}_{bound}"
                row[name] = float(everywhere[bound][method, metric])
    return row
