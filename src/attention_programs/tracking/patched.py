"""Loading a patched model from a surrogate's file."""

from pathlib import Path

from attention_programs.config import SandboxSettings
from attention_programs.errors import UserError
from attention_programs.models.token_style import TokenStyle
from attention_programs.surrogate.specification import read_specification
from attention_programs.surrogate.surrogate import Surrogate, load_surrogate
from attention_programs.untrusted.execution import SandboxRunner


def load_patched(path: Path, root: Path, verify: bool = False) -> Surrogate:
    """Loads a surrogate's weights from a repository's ``models`` folder and replaces its heads.

    Args:
        path: The surrogate's file.
        root: The repository's folder.
        verify: Whether to measure its recorded texts again.

    Raises:
        UserError: if the weights are missing or not those the programs were validated on, or a recorded loss is not
            reproduced.
    """
    path = path.resolve()
    name = read_specification(path).model
    folder = root.resolve() / "models" / name
    if not folder.is_dir():
        raise UserError(
            f"{folder} does not exist, but the surrogate needs the weights of {name}; run `dvc repro model`"
        )
    return load_surrogate(path, folder, runner_for=_sandboxed, verify=verify)


def _sandboxed(style: TokenStyle) -> SandboxRunner:
    return SandboxRunner(SandboxSettings(), 1, style)
