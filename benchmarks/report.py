"""What the benchmarks found: one section a module, with the machine that it holds for."""

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding

LIBRARIES = ("numba", "numpy", "torch")


@dataclass(frozen=True)
class Section:
    """The measurements of one module."""

    unit: str
    """What the medians count."""
    medians: Mapping[str, float]
    """By contestant."""
    ratios: Mapping[str, float]
    """Larger is better."""
    targets: Mapping[str, float]
    """The least that some of the ratios should be."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """How it was measured, and what was checked."""


def machine(threads: int) -> dict[str, Any]:
    """The machine and the libraries."""
    names = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "architecture": llvmlite.binding.get_host_cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _lines(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines() if Path(file).is_file() else []


def as_json(sections: Mapping[str, Section], threads: int) -> dict[str, Any]:
    """The content of ``results/bench.json``; times in units of which six decimals are enough."""
    return {"machine": machine(threads), **{name: asdict(section) for name, section in sections.items()}}


def as_lines(sections: Mapping[str, Section], threads: int) -> list[str]:
    """The same as a table to read."""
    lines = [", ".join(f"{name} {value}" for name, value in machine(threads).items())]
    for name, section in sections.items():
        lines += ["", f"{name} ({section.unit})"]
        lines += [f"  {contestant:60s}{median:12.3f}" for contestant, median in section.medians.items()]
        for ratio, value in section.ratios.items():
            target = section.targets.get(ratio)
            verdict = "" if target is None else f"   {'reaches' if value >= target else 'MISSES'} {target:g}"
            lines.append(f"  {ratio:60s}{value:12.2f}{verdict}")
        lines += [f"  {note}: {value}" for note, value in section.notes.items()]
    return lines
