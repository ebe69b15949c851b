"""Models side by side: their numbers, one library for all their heads, and transfer between them."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from attention_programs.comparison.settings import ALL_MODELS
from attention_programs.files import read_csv, records
from attention_programs.programs.methods import BASELINES, DISTILLED, FIRST_TOKEN, FITTED_SINK_SELF, SELECTED, UNIFORM
from attention_programs.report.captions import LIBRARY, MODEL_TRANSFER, MODELS
from attention_programs.report.estimate import ABSENT, Estimate, percent_text
from attention_programs.report.figures.library_figure import draw_library
from attention_programs.report.markdown import markdown_table
from attention_programs.report.models_table import HERE, PAPER, Models
from attention_programs.report.section import Gallery, Section, TableView
from attention_programs.surrogate.rankings import ALONE, BEST_FIT, RANKINGS

FOLDER = "models"
"""Folder of the tables of libraries and of transfer, in ``results``."""
FITS = {
    ("iou", SELECTED): "mean IoU, selected programs",
    ("sink_excluded_iou", SELECTED): "the same without the first column",
    **{("iou", name): f"mean IoU, {BASELINES[name].label[0].lower()}{BASELINES[name].label[1:]}"
       for name in (FITTED_SINK_SELF, FIRST_TOKEN, UNIFORM)},
}  # fmt: skip
COSTS = {
    DISTILLED: "distilled programs",
    f"{SELECTED}/{BEST_FIT}": f"selected programs, {RANKINGS[BEST_FIT].short}",
    f"{FIRST_TOKEN}/{ALONE}": f"first token, {RANKINGS[ALONE].short}",
    f"{UNIFORM}/{ALONE}": f"uniform, {RANKINGS[ALONE].short}",
}
"""Curves of perplexity in the order of the table."""


def models_view(models: Models, own: str = "") -> TableView:
    """One column per model, this project's before the paper's; the model ``own`` is highlighted."""
    here, published = models.names(HERE), models.names(PAPER)
    names = [*here, *published]

    def row(label: str, measure: str, method: str = "", at: float = 0, digits: int = 3) -> list[str]:
        return [label, *(models.estimate(name, measure, method, at).text(digits) for name in names)]

    rows = [
        ["layers × heads", *(_shape(models, name) for name in names)],
        row("heads explained", "heads", digits=0),
        ["parameters", *(_millions(models.estimate(name, "parameters")) for name in names)],
        row("tokens per text, at most", "tokens", digits=0),
        row("test texts", "texts", digits=0),
        *(row(label, measure, method) for (measure, method), label in FITS.items()),
        *(
            row(f"IoU at {at:.0f} tokens, selected programs", "iou_at_length", SELECTED, at)
            for at in models.places("iou_at_length")
        ),
    ]
    for method, label in COSTS.items():
        for at in models.places("perplexity_increase"):
            ours = [percent_text(models.estimate(name, "perplexity_increase", method, at)) for name in here]
            papers = [models.estimate(name, "perplexity_increase", method, at).number(0) for name in published]
            cells = [*ours, *(number if number == ABSENT else f"{number} %" for number in papers)]
            rows.append([f"perplexity increase at {at:.0f} %, {label}", *cells])
    sinks = [_times_100(models.estimate(name, "first_token_share")) for name in names]
    rows.append(["mean attention on the first token", *(percent_text(share) for share in sinks)])
    head = ("", *here, *(f"{name} (paper)" for name in published))
    return TableView(head, rows, highlighted=1 + here.index(own) if own in here else 0)


def _shape(models: Models, name: str) -> str:
    layers, heads = (models.estimate(name, measure) for measure in ("layers", "heads_per_layer"))
    return f"{layers.number(0)} × {heads.number(0)}" if layers.measured else ABSENT


def _millions(parameters: Estimate) -> str:
    millions = parameters.value / 1e6
    return f"{millions:,.{0 if millions >= 10 else 1}f} M" if parameters.measured else ABSENT


def _times_100(share: Estimate) -> Estimate:
    return Estimate(100 * share.value, 100 * share.low, 100 * share.high)


def standing(models: Models, own: str) -> str:
    """A sentence on where a model stands among this project's; empty if it is not one of them or the only one."""
    here = models.names(HERE)
    if own not in here or len(here) < 2:
        return ""
    parts = []
    for label, measure, method, at, best in (
        ("mean IoU", "iou", SELECTED, 0, max),
        ("IoU without the first column", "sink_excluded_iou", SELECTED, 0, max),
        ("perplexity increase at 25 % of heads", "perplexity_increase", DISTILLED, 25, min),
    ):
        found = {name: models.estimate(name, measure, method, at).value for name in here}
        if all(math.isfinite(value) for value in found.values()):
            better = sum(best(value, found[own]) != found[own] for value in found.values())
            parts.append(f"{better + 1} of {len(here)} in {label}")
    ranks = ", ".join(parts)
    return f"{own} ranks {ranks} (1 is best; differences within the intervals decide nothing)." if parts else ""


def library_view(sizes: pd.DataFrame, curve: pd.DataFrame) -> TableView:
    """How many programs reach each percentage of the IoU of one program per head, and what that gives each model.

    Args:
        sizes: ``library.csv``.
        curve: ``library_curve.csv``.
    """
    percents = list(dict.fromkeys(sizes["at_least"].astype(int)))
    rows = []
    for name, found in sizes.groupby("library", sort=False):
        first = found.iloc[0]
        counts = [_count(row.programs) for row in records(found)]
        label = "all models" if name == ALL_MODELS else str(name)
        rows.append([label, _count(first["heads"]), _count(first["pool"]), f"{first['iou_one_per_head']:.3f}", *counts])
        parts = curve[(curve["library"] == name) & (curve["heads_of"] != name)]
        for model, part in parts.groupby("heads_of", sort=False):
            reached = part.set_index("programs")["percent"]
            percents_of = [Estimate(float(reached.get(row.programs, math.nan))) for row in records(found)]
            own = part.iloc[0]
            cells = [_count(own["heads"]), "", f"{own['iou_one_per_head']:.3f}", *map(percent_text, percents_of)]
            rows.append([f"– its heads of {model}", *cells])
    head = ("programs for the heads of", "heads", "found programs", "IoU of one per head")
    return TableView((*head, *(f"at least {percent} %" for percent in percents)), rows)


def _count(number: float) -> str:
    return Estimate(float(number)).number(0)


def transfer_view(transfer: pd.DataFrame, models: Models) -> TableView:
    """Rows: where programs were found; columns: whose heads they explain.

    Args:
        transfer: ``transfer.csv``.
        models: For the baselines.
    """
    names = list(dict.fromkeys(transfer["heads_of"].astype(str)))
    cells = {(r.programs_of, r.heads_of): Estimate(r.iou, r.low, r.high).text() for r in records(transfer)}
    rows = [[f"programs of {a}", *(cells[a, b] for b in names)] for a in names]
    for method in (FITTED_SINK_SELF, FIRST_TOKEN):
        rows.append([BASELINES[method].label, *(models.estimate(name, "iou", method).text() for name in names)])
    return TableView(("", *(f"heads of {name}" for name in names)), rows)


def models_sections(results: Path, own: str = "", gallery: Gallery | None = None) -> list[Section]:
    """The sections on models; none if they were not compared.

    Args:
        results: The folder of all results.
        own: The profile whose model is highlighted.
        gallery: Saves the figure; without one there is none.

    Raises:
        UserError: if a table is malformed.
    """
    models = Models.read(results)
    if not models.names(HERE):
        return []
    sections = [Section("models", MODELS, standing(models, own), table=models_view(models, own))]
    folder = results / FOLDER
    if (folder / "library.csv").is_file() and (folder / "library_curve.csv").is_file():
        sizes, curve = read_csv(folder / "library.csv"), read_csv(folder / "library_curve.csv")
        figures = [gallery.add("library", draw_library(curve), LIBRARY, curve)] if gallery else []
        finding = _library_finding(sizes)
        sections.append(Section("library", LIBRARY, finding, figures, library_view(sizes, curve)))
    if (folder / "transfer.csv").is_file():
        transfer = read_csv(folder / "transfer.csv")
        table = transfer_view(transfer, models)
        sections.append(Section("model-transfer", MODEL_TRANSFER, _transfer_finding(transfer), table=table))
    return sections


def models_block(results: Path) -> str:
    """The sections on models as the docs show them."""
    lines = []
    for section in models_sections(results):
        lines += [f"**{section.caption.title}.** {section.finding}".rstrip(), ""]
        if section.table:
            lines += [*markdown_table(section.table.head, section.table.rows), ""]
        if section.name == "library":
            lines += [f"![{section.caption.title}, by size](../results/{FOLDER}/figures/library.png)", ""]
    return "\n".join(lines) or "No models have been compared yet; `make compare-models` does it."


def _library_finding(sizes: pd.DataFrame) -> str:
    reached = sizes[(sizes["library"] == ALL_MODELS) & sizes["programs"].notna()]
    if reached.empty:
        return ""
    counts = [f"{_count(row.programs)} programs reach {row.at_least:.0f} %" for row in records(reached)]
    first = reached.iloc[0]
    return (
        f"For all {_count(first['heads'])} heads of all models, {_listed(counts)} of the IoU of one program per head "
        f"({first['iou_one_per_head']:.3f}) on test texts. The paper claims fewer than 1,000 programs for its three "
        "models."
    )


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _transfer_finding(transfer: pd.DataFrame) -> str:
    away = transfer[transfer["programs_of"] != transfer["heads_of"]]
    if away.empty:
        return ""
    ends = [Estimate(float(bound)).change() for bound in (away["difference"].min(), away["difference"].max())]
    return (
        "The mean IoU over a model's heads with another model's programs differs from that with its own by "
        f"{ends[0]} to {ends[1]}."
    )
