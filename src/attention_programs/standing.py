"""Where a long computation stands, on disk, so that a killed run goes on."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from attention_programs.files import replacing

FINGERPRINT = "fingerprint"


def keep(path: Path, tensors: Mapping[str, torch.Tensor], fingerprint: str) -> None:
    """Writes tensors completely or not at all.

    Args:
        path: The file.
        tensors: What to go on from, by name.
        fingerprint: Stands for everything that the computation depends on.
    """
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with replacing(path) as beside:
        save_file(plain, beside, metadata={FINGERPRINT: fingerprint})


def kept(path: Path, fingerprint: str) -> dict[str, torch.Tensor]:
    """Reads what :func:`keep` wrote; nothing if there is no file, or a damaged one, or one of something else."""
    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get(FINGERPRINT) != fingerprint:
                return {}
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except SafetensorError:
        return {}
