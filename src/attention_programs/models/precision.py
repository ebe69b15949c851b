"""In which precision a CPU multiplies matrices fastest."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from attention_programs.config import Precision

_CPUINFO = Path("/proc/cpuinfo")
_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
"""What Linux calls instructions for bfloat16; a CPU without them is some fifty times slower in it."""


def computed_in(precision: Precision, device: str) -> Literal["bfloat16", "float32"]:
    """What a setting means on a device.

    Args:
        precision: ``fastest`` is bfloat16 where the device has instructions for it, else float32.
        device: As torch names it.
    """
    if precision != "fastest":
        return precision
    has = torch.cuda.is_bf16_supported() if device.startswith("cuda") else cpu_has_bfloat16()
    return "bfloat16" if has else "float32"


def say_if_slow(dtype: str, device: str) -> None:
    """Tells of weights in 16 bits that the CPU has no instructions for.

    Args:
        dtype: Of the weights.
        device: As torch names it.
    """
    if device == "cpu" and dtype in ("bfloat16", "float16") and not cpu_has_bfloat16():
        print(
            f"the model's weights are in {dtype}, which this CPU has no instructions for: it takes many times as "
            "long as in float32; convert the folder with `model.float().save_pretrained` to go faster",
            file=sys.stderr,
        )


@cache
def cpu_has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; False where the system does not tell."""
    if not _CPUINFO.is_file():
        return False
    lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    named = (line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features")))
    return any(_FLAGS & set(flags) for flags in named)


@contextmanager
def weights_kept(model: torch.nn.Module) -> Iterator[None]:
    """Lets autocast keep its copies of the weights from pass to pass, which it does of weights that could learn.

    For passes without gradients: with them it would compute those of the weights, too.
    """
    fixed = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    for parameter in fixed:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in fixed:
            parameter.requires_grad_(False)
