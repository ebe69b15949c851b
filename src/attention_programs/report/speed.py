"""How long the search and distillation take and how they grow: the README's table, from ``results/bench.json``."""

from collections.abc import Mapping
from typing import Any

from attention_programs.report.estimate import ABSENT
from attention_programs.report.markdown import markdown_table

BEGIN = "<!-- speed: begin -->"
END = "<!-- speed: end -->"
ROWS = {"search": "the search", "distillation": "a step of distillation"}
GROWTH = ("heads", "texts", "tokens", "terms")


def speed_table(bench: Mapping[str, Any]) -> str:
    """The block between the README's two marks.

    Args:
        bench: The content of ``results/bench.json``; what it does not hold shows as a dash.
    """
    rows = []
    for section, label in ROWS.items():
        found = bench.get(section, {})
        base = found.get("medians", {}).get("base")
        times = [found.get("ratios", {}).get(f"time with twice the {name}") for name in GROWTH]
        rows.append([label, _text(base, "{:.1f} s"), *(_text(time, "{:.1f} times") for time in times)])
    table = markdown_table(["time of", "base", *(f"twice the {name}" for name in GROWTH)], rows)
    return "\n".join([BEGIN, *table, "", _whole(bench), END])


def _whole(bench: Mapping[str, Any]) -> str:
    search = bench.get("search", {})
    seconds, peak = search.get("medians", {}).get("whole"), search.get("notes", {}).get("peak memory, whole (MiB)")
    return (
        "The whole search (270 heads, 300 texts of 64 tokens, 8 terms) takes "
        f"{_text(seconds, '{:.0f} s')} and {_text(peak, '{:,.0f} MiB')} at its peak."
    )


def _text(value: float | None, form: str) -> str:
    return ABSENT if value is None else form.format(value)
