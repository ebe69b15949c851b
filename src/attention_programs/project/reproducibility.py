"""Rerunning a profile in a fresh clone with an empty cache, and comparing the outputs with the recorded ones."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.testing import assert_series_equal

from attention_programs.config import Config, ReproducibilitySettings, load_config
from attention_programs.errors import UserError
from attention_programs.files import read_csv, read_json, read_yaml
from attention_programs.paths import Paths
from attention_programs.project.reproduction import compose, environment
from attention_programs.scoring.bootstrap import rank_correlation

EXACT_STAGES = ("model", "corpora")
"""Stages whose outputs (weights, texts) must be equal to the byte."""
KEY_COLUMNS = (
    *("head", "method", "corpus", "metric", "programs", "ranking", "task"),
    *("condition", "fitted_to", "replaced_by", "effect", "predictor"),
)
"""Columns that identify a row; the chosen program may differ where two fit almost equally well."""
RELATIVE_TABLES = ("ranking_choice.csv", "perplexity.csv", "controls.csv")
"""Tables of percentages and perplexities, whose tolerance is relative, and absolute for small values."""
RANKS = "rankings.csv"
"""The table of ranks: heads with similar ablation effects may swap places, so whole rankings are compared."""
_FIRST_DIFFERENCE = re.compile(r"At positional index (\d+), first diff")
"""Pandas' message on numeric columns that differ."""


@dataclass
class Comparison:
    """The differences, line by line, and the verdict."""

    reproduced: bool = True
    lines: list[str] = field(default_factory=list)

    def note(self, good: bool, line: str) -> None:
        """Adds a line; a single bad one makes the verdict negative."""
        self.reproduced &= good
        self.lines.append(("  same  " if good else "DIFFERS ") + line)


def _git(root: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"git {arguments[0]} failed: {reason}; is this a git repository?")
    return run.stdout


def check(root: Path, profile: str) -> Comparison:
    """Clones the committed state, reruns the profile there and compares its outputs with the recorded ones.

    Raises:
        UserError: if no results of the profile are committed, or a stage fails in the clone.
    """
    if _git(root, "status", "--porcelain", "--untracked-files=no").strip():
        print("note: uncommitted changes are not checked, only the last commit is", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="attention-programs-") as folder:
        clone = Path(folder) / "clone"
        _git(root, "clone", "--quiet", "--no-hardlinks", str(root), str(clone))
        compose(profile, clone / "params.yaml", clone)
        config = load_config(clone / "params.yaml")
        recorded = Paths.of(config, clone).results
        if not (recorded / "dvc.lock").is_file():
            raise UserError(f"profile {profile!r} has no committed results; run it and commit results/{config.profile}")
        before = Path(folder) / "before"
        shutil.copytree(recorded, before)
        (clone / "dvc.lock").unlink(missing_ok=True)
        _share_downloads(root, clone)
        command = [sys.executable, "-m", "dvc", "repro", "--no-run-cache"]
        if subprocess.run(command, cwd=clone, env=environment(clone), check=False).returncode:
            raise UserError("a stage failed in the fresh clone; see above")
        return compare(before, recorded, clone / "dvc.lock", config)


def _share_downloads(root: Path, clone: Path) -> None:
    """Lets the clone reuse downloaded wheels; their hashes are always checked."""
    wheels = root / ".cache" / "wheels"
    if wheels.is_dir():
        shutil.copytree(wheels, clone / ".cache" / "wheels", copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # the clone is on another disk
        shutil.copyfile(source, target)


def _outputs(lock: Path) -> dict[tuple[str, str], str]:
    stages: dict[str, Any] = read_yaml(lock)["stages"]
    return {(stage, out["path"]): out["md5"] for stage, entry in stages.items() for out in entry.get("outs", [])}


def compare(before: Path, after: Path, lock: Path, config: Config) -> Comparison:
    """Compares a rerun with the recorded results.

    Args:
        before: The recorded ``results/<profile>`` with its ``dvc.lock``.
        after: The same folder after the rerun.
        lock: The rerun's ``dvc.lock``.
        config: Settings, including the tolerances.
    """
    comparison = Comparison()
    recorded, found = _outputs(before / "dvc.lock"), _outputs(lock)
    floating = False
    for key in sorted(recorded.keys() | found.keys()):
        stage, path = key
        same = recorded.get(key) == found.get(key)
        if same or stage in EXACT_STAGES or not (key in recorded and key in found):
            comparison.note(same, f"{stage}: {path}")
        else:
            floating = True
            comparison.lines.append(f"  other {stage}: {path} differs in bytes; its numbers are compared below")
    if floating:
        _compare_numbers(comparison, before, after, config.reproducibility)
    return comparison


def _compare_numbers(found: Comparison, before: Path, after: Path, tolerances: ReproducibilitySettings) -> None:
    for path in sorted(before.glob("*.csv")):
        _compare_tables(found, path.name, read_csv(path), read_csv(after / path.name), tolerances)
    if (before / "scoring.json").is_file():
        equal = read_json(before / "scoring.json") == read_json(after / "scoring.json")
        found.note(equal, "scoring.json: how many runs of programs had each status")
    old, new = read_json(before / "summary.json"), read_json(after / "summary.json")
    missing = sorted(old.keys() ^ new.keys())
    found.note(not missing, f"summary.json: {len(missing)} keys differ {missing[:3] if missing else ''}".rstrip())


def _compare_tables(
    found: Comparison, name: str, old: pd.DataFrame, new: pd.DataFrame, tolerances: ReproducibilitySettings
) -> None:
    if list(old.columns) != list(new.columns) or len(old) != len(new):
        found.note(False, f"{name}: {len(old)} rows became {len(new)}, or the columns changed")
        return
    relative = tolerances.relative if name in RELATIVE_TABLES else 0.0
    absolute = relative or tolerances.absolute
    for column in old.columns:
        place = f"{name}, {column}"
        if column in KEY_COLUMNS:
            _compare_columns(found, place, old[column], new[column], 0.0, 0.0)
        elif name == RANKS:
            agreement = rank_correlation(old[column].tolist(), new[column].tolist())
            least = 1 - tolerances.absolute
            found.note(agreement >= least, f"{place}: rank correlation {agreement:.3f} (at least {least:g})")
        elif pd.api.types.is_numeric_dtype(old[column]) and not pd.api.types.is_numeric_dtype(new[column]):
            found.note(False, f"{place}: numbers became text")
        elif pd.api.types.is_numeric_dtype(old[column]):
            _compare_columns(found, place, old[column], new[column], relative, absolute)


def _compare_columns(
    found: Comparison, place: str, old: pd.Series, new: pd.Series, relative: float, absolute: float
) -> None:
    """Names the first row that differs by more than ``absolute + relative * abs(new)``."""
    try:
        assert_series_equal(old, new, check_dtype=False, rtol=relative, atol=absolute)
    except AssertionError as error:
        beyond = _FIRST_DIFFERENCE.search(str(error))
        row = int(beyond[1]) if beyond else next(i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
        found.note(False, f"{place}, row {row}: {new[row]} instead of {old[row]} (allowed {absolute:g})")
    else:
        found.note(True, f"{place}: equal within {absolute:g}")
