"""The table of speed: seconds, how they grow, and dashes for what was not measured."""

from attention_programs.report.markdown import speed_table

BENCH = {
    "search": {
        "medians": {"whole": 194.4, "base": 12.34},
        "ratios": {"time with twice the heads": 1.9, "time with twice the terms": 2.26},
        "notes": {"peak memory, whole (MiB)": 2905},
    }
}


def test_table_by_hand() -> None:
    lines = speed_table(BENCH).splitlines()
    assert lines[0] == "| time of | base | twice the heads | twice the texts | twice the tokens | twice the terms |"
    assert lines[2] == "| the search | 12.3 s | 1.9 times | – | – | 2.3 times |"
    assert lines[3] == "| a step of distillation | – | – | – | – | – |"
    assert lines[-1].endswith("8 terms) takes 194 s and 2,905 MiB at its peak.")
