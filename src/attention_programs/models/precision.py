"""The precision in which a CPU multiplies matrices fastest."""

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
"""Linux's names of bfloat16 instructions; a CPU without them is some fifty times slower in bfloat16."""


def computed_in(precision: Precision, device: str) -> Literal["bfloat16", "float32"]:
    """The data type that a setting means on a device.

    Args:
        precision: ``fastest`` is bfloat16 if the device has instructions for it, else float32.
        device: A torch device.
    """
    if precision != "fastest":
        return precision
    has = torch.cuda.is_bf16_supported() if device.startswith("cuda") else cpu_has_bfloat16()
    return "bfloat16" if has else "float32"


def say_if_slow(dtype: str, device: str) -> None:
    """Warns of 16-bit weights on a CPU without instructions for them.

    Args:
        dtype: The weights' data type.
        device: A torch device.
    """
    if device == "cpu" and dtype in ("bfloat16", "float16") and not cpu_has_bfloat16():
        print(
            f"the model's weights are in {dtype}, which this CPU has no instructions for: it is many times slower "
            "than float32; convert the folder with `model.float().save_pretrained` to speed it up",
            file=sys.stderr,
        )


@cache
def cpu_has_bfloat16() -> bool:
    """Whether this CPU has instructions for bfloat16; False if the system does not report it."""
    if not _CPUINFO.is_file():
        return False
    lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    named = (line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features")))
    return any(_FLAGS & set(flags) for flags in named)


@contextmanager
def weights_kept(model: torch.nn.Module) -> Iterator[None]:
    """Lets autocast cache its copies of the weights between passes, which it does only for trainable weights.

    For passes without gradients only; otherwise torch would compute the weights' gradients, too.
    """
    fixed = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    for parameter in fixed:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in fixed:
            parameter.requires_grad_(False)
