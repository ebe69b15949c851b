"""Comparing the models of several profiles: what it needs, and running its stages."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from attention_programs.attention.pattern_store import INDEX_NAME, read_index
from attention_programs.comparison.settings import ComparisonSettings, read_settings, write_settings
from attention_programs.errors import UserError
from attention_programs.files import read_yaml, write_csv
from attention_programs.models.model_record import RECORD_NAME, read_record
from attention_programs.project.reproduction import run_stages
from attention_programs.report.models_table import NAME, models_table

STAGES = Path("comparison") / "dvc.yaml"
TABLES = ("heads.csv", "iou.csv", "perplexity.csv")
"""The tables of every profile without which it cannot be compared."""


def compare_models(root: Path, names: Sequence[str], results_only: bool) -> list[Path]:
    """Compares models and writes the tables; nothing is written if a profile lacks what is needed.

    Args:
        root: The project's folder.
        names: Profiles, which become those of ``comparison/params.yaml``; if there are none, its own.
        results_only: Whether to write only ``results/models.csv``, from committed tables.

    Returns:
        The tables that were written.

    Raises:
        UserError: if a profile lacks results or data, naming the command that makes them, or a stage fails.
    """
    kept = read_settings(root)
    wanted = replace(kept, profiles=tuple(names) or kept.profiles)
    if len(set(wanted.profiles)) < len(wanted.profiles):
        raise UserError(f"{' '.join(wanted.profiles)}: a profile is named twice; name each once")
    for profile in wanted.profiles:
        _check_results(root, profile)
    for profile in () if results_only else wanted.profiles:
        _check_data(root, profile)
    wanted = replace(wanted, parameters=wanted.parameters | _parameters(root, wanted))
    table = models_table(root / "results", wanted.profiles, wanted.parameters)
    if wanted != kept:
        write_settings(root, wanted)
    if not results_only:
        run_stages(root, ["--single-item", STAGES.as_posix()])
    write_csv(root / "results" / NAME, table)
    return [root / "results" / NAME, *([] if results_only else sorted((root / "results" / "models").glob("*.csv")))]


def _check_results(root: Path, profile: str) -> None:
    for path in (root / "results" / profile / name for name in TABLES):
        if not path.is_file():
            raise UserError(f"profile {profile!r} has no results: {path} does not exist; {_remedy(root, profile)}")


def _check_data(root: Path, profile: str) -> None:
    data = root / "data" / profile
    for path in (data / "found_programs.jsonl", data / "attention" / INDEX_NAME):
        if not path.is_file():
            raise UserError(
                f"the data of profile {profile!r} are not in this clone: {path} does not exist; "
                f"{_remedy(root, profile)}, or compare with --results-only"
            )


def _remedy(root: Path, profile: str) -> str:
    return f"run `attention-programs reproduce {_options(root, profile)}`"


def _options(root: Path, profile: str) -> str:
    """What makes ``reproduce`` run the profile of that name, which its file may not have."""
    for path in sorted((root / "conf" / "profile").glob("*.yaml")):
        if profile == _name_of(root, path):
            return f"--profile {path.stem}"
    return f"--model ID_OR_PATH --profile {profile}" if (root / "conf" / "model").is_dir() else f"--profile {profile}"


def _name_of(root: Path, path: Path) -> str:
    """The name that the profile in a file has: its own, or that of its model."""
    values = read_yaml(path) or {}
    default = next((one["model"] for one in _choices(root / "conf" / "config.yaml") if "model" in one), "")
    return str(values.get("profile") or next((m for c in _choices(path) if (m := c.get("override /model"))), default))


def _choices(path: Path) -> list[dict[str, str]]:
    """The groups that a file of settings chooses."""
    values = (read_yaml(path) or {}) if path.is_file() else {}
    return [choice for choice in values.get("defaults", []) if isinstance(choice, dict)]


def _parameters(root: Path, wanted: ComparisonSettings) -> dict[str, int]:
    """Numbers of parameters of those models that are in this clone, by profile."""
    found = {}
    for profile in wanted.profiles:
        patterns = root / "data" / profile / "attention"
        if (patterns / INDEX_NAME).is_file():
            model = root / "models" / read_index(patterns).model
            if (model / RECORD_NAME).is_file():
                found[profile] = read_record(model).parameters
    return found
