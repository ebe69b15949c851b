"""How much the fit depends on the seed, as the docs show it."""

from pathlib import Path

from attention_programs.files import read_csv, records
from attention_programs.programs.methods import BASELINES, FITTED_SINK_SELF, METHODS, SELECTED
from attention_programs.report.estimate import Estimate
from attention_programs.report.markdown import markdown_table

LABELS = {SELECTED: METHODS[SELECTED].label, FITTED_SINK_SELF: BASELINES[FITTED_SINK_SELF].label}
METRICS = {"iou": "IoU", "sink_excluded_iou": "without the first column"}


def seeds_block(results: Path) -> str:
    """One row per seed, and the spread over seeds."""
    path = results / "seeds.csv"
    if not path.is_file():
        return "No seeds have been compared yet; `attention-programs seeds` does it."
    table = read_csv(path)
    columns = {f"{method}_{metric}": f"{LABELS[method]}, {METRICS[metric]}" for method in LABELS for metric in METRICS}
    rows = []
    for row in records(table):
        bounds = [(name, f"{name}_low", f"{name}_high") for name in columns]
        rows.append([str(row.seed), *(Estimate(*(getattr(row, each) for each in names)).text() for names in bounds)])
    spread = [f"{table[name].std(ddof=1):.3f}" for name in columns]
    lines = markdown_table(["seed", *columns.values()], [*rows, ["standard deviation over seeds", *spread]])
    heads = int(table["heads"].iloc[0])
    return "\n".join([f"{len(table)} seeds, {heads} heads of the profile `smoke`:", "", *lines])
