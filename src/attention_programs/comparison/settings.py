"""What is compared: the content of ``comparison/params.yaml``."""

from pathlib import Path

from attention_programs.config.bounds import Count, FolderName, Percent, Positive, from_mapping, settings
from attention_programs.errors import UserError
from attention_programs.files import read_yaml, write_text

PARAMS = Path("comparison") / "params.yaml"
"""Relative to the project's folder."""
ALL_MODELS = "all"
"""Names the library of all models together; the others have the names of their profiles."""
_HEADER = "# The profiles that `attention-programs compare-models` compares; it rewrites this if you name some.\n"


@settings
class ComparisonSettings:
    """What ``comparison/params.yaml`` holds."""

    profiles: tuple[FolderName, ...]
    """Names of the folders ``data/<profile>`` and ``results/<profile>``, in the order of the tables."""
    parameters: dict[FolderName, Positive]
    """Numbers of parameters by profile, as stored in the weight files; no table of results holds them."""
    percents: tuple[Percent, ...] = (90, 95, 98)
    """Percentages of the IoU of one program per head that a library must reach."""
    bootstrap_samples: Positive = 2000
    """Resamples of texts for each 95 % interval."""
    seed: Count = 0
    """Seed of these resamples."""


def read_settings(root: Path) -> ComparisonSettings:
    """Reads a project's ``comparison/params.yaml``.

    Raises:
        UserError: if it is missing or invalid, or names no profile or one twice.
    """
    found = from_mapping(ComparisonSettings, read_yaml(root / PARAMS), str(root / PARAMS), {})
    if not found.profiles or len(set(found.profiles)) < len(found.profiles):
        raise UserError(f"{root / PARAMS}: profiles is {list(found.profiles)}; name one or more, each once")
    return found


def write_settings(root: Path, values: ComparisonSettings) -> None:
    """Writes a project's ``comparison/params.yaml``."""
    lines = ["profiles:", *(f"- {name}" for name in values.profiles)]
    lines += ["parameters:" if values.parameters else "parameters: {}"]
    lines += [f"  {name}: {count}" for name, count in values.parameters.items()]
    lines += ["percents:", *(f"- {percent}" for percent in values.percents)]
    lines += [f"bootstrap_samples: {values.bootstrap_samples}", f"seed: {values.seed}"]
    write_text(root / PARAMS, _HEADER + "\n".join(lines) + "\n")
