"""Which families of architectures are supported, as tables of the docs."""

from collections.abc import Iterable, Sequence

import pandas as pd

from attention_programs.report.markdown import markdown_table

YES = "yes"
PRECISIONS = ("float32", "bfloat16", "float16")


def architectures_tables(found: pd.DataFrame) -> str:
    """The supported families with what was tested, and the refused ones with the reason, as Markdown.

    Args:
        found: ``results/architectures.csv``: for each family and property a column for each precision with ``yes``, or
            with the reason why the property is lacking; empty after that.
    """
    families = {str(name): rows.fillna("") for name, rows in found.groupby("family", sort=False)}
    properties = list(dict.fromkeys(found["property"]))
    lacking = {name: reason for name, rows in families.items() if (reason := _first_reason(rows))}
    supported = [
        [name, *(YES if each in set(rows["property"]) else "–" for each in properties)]
        for name, rows in families.items()
        if name not in lacking
    ]
    refused = [[name, reason] for name, reason in lacking.items()]
    return "\n".join([*_table(["family", *properties], supported), "", *_table(["refused", "why"], refused)])


def _first_reason(rows: pd.DataFrame) -> str:
    """Why a family is refused, without what to do about it; empty if it is not."""
    for precision in PRECISIONS:
        reasons = [str(reason) for reason in rows[precision] if reason not in (YES, "")]
        if reasons:
            place = "" if precision == PRECISIONS[0] else f"in {precision}: "
            return place + reasons[0].partition(";")[0]
    return ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = markdown_table(head, rows)
    return [lines[0], "|---" * len(head) + "|", *lines[2:]]
