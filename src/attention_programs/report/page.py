"""The report: one self-contained HTML page."""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from attention_programs.attention.pattern_store import read_index, read_patterns
from attention_programs.config import Config
from attention_programs.corpora.text import SPLITS
from attention_programs.files import read_json, records, replacing, write_csv
from attention_programs.models.model_record import ModelRecord, read_record
from attention_programs.paths import Paths
from attention_programs.programs.methods import METHODS, SELECTED
from attention_programs.programs.record import ProgramRecord, read_programs
from attention_programs.report import paper
from attention_programs.report.captions import GRID, QUESTIONS, fit_caption, perplexity_caption
from attention_programs.report.cost_sections import (
    coefficients_section,
    cost_by_corpus_section,
    cost_by_length_section,
    ranking_section,
)
from attention_programs.report.estimate import Estimate, unbroken
from attention_programs.report.evidence_sections import evidence_sections
from attention_programs.report.example_heads import Example, choose, show
from attention_programs.report.figures.fit import draw_fit
from attention_programs.report.figures.grid import draw_grid
from attention_programs.report.figures.pattern_figure import SHOWN_TOKENS, draw_patterns
from attention_programs.report.figures.perplexity_figure import draw_perplexity
from attention_programs.report.figures.questions_figure import draw_questions, task_label
from attention_programs.report.figures.style import inline, save, styled
from attention_programs.report.fit_sections import (
    lengths_section,
    sharing_section,
    terms_section,
    transfer_section,
    weak_section,
)
from attention_programs.report.head_table import head_rows, program_of
from attention_programs.report.models_sections import models_sections
from attention_programs.report.opening import key_numbers, opening
from attention_programs.report.provenance import trace
from attention_programs.report.result_tables import ALL_CORPORA, Tables
from attention_programs.report.section import FigureView, Gallery, Section
from attention_programs.report.source_sections import (
    explainer_counts,
    explainer_section,
    intended_section,
    sources_section,
)
from attention_programs.report.summary import summarise, summary_groups

PAGE_NAME = "report.html"


def write_report(config: Config, paths: Paths) -> Path:
    """Writes a profile's ``report.html`` and ``figures/`` atomically, and copies some figures to ``results``.

    Returns:
        The page's path.

    Raises:
        UserError: if a stage's output is missing; the message names the stage to run.
    """
    tables = Tables.read(paths.results)
    record = read_record(paths.model)
    index = read_index(paths.attention)
    programs = {program.id: program for program in read_programs(paths.programs)}
    selected = tables.heads[tables.heads["method"] == SELECTED]
    for row in records(selected):
        program_of(programs, row.program_id, row.head)
    choices = choose(selected, programs, config.report.example_heads)
    examples = show(choices, read_patterns(paths.attention, ["test"]), index)
    summary = summarise(paths.results)
    provenance = trace(config, record, read_json(paths.results / "corpora.json"), index)
    with replacing(paths.report) as folder, styled():
        (folder / "figures").mkdir(parents=True)
        gallery = Gallery(folder / "figures")
        page = render(
            "page.html.j2",
            title=f"Attention heads of {config.model.name}, explained by programs",
            config=config,
            opening=opening(summary, config, provenance, len(selected)),
            key_numbers=key_numbers(summary, config),
            groups=summary_groups(summary),
            paper=paper,
            corpora=_corpora(tables.iou),
            methods=_method_rows(tables.iou),
            figures=_figures(tables, record, config, gallery),
            sections=[
                *evidence_sections(tables, record, gallery),
                *_sections(tables, programs, explainer_counts(paths.results), config, gallery),
                *models_sections(paths.results.parent, config.profile, gallery),
            ],
            unanswered=[task_label(task) for task in config.evaluation.tasks if task not in set(tables.qa["task"])],
            examples=examples,
            draw=partial(_draw, causal=index.causal, folder=folder / "figures"),
            shown_tokens=SHOWN_TOKENS,
            heads=head_rows(tables.heads, tables.ablation_effect, programs),
            provenance=provenance,
            splits=SPLITS,
        )
        (folder / PAGE_NAME).write_text(page, encoding="utf-8", newline="\n")
    _keep_figures(paths.report / "figures", paths.results / "figures", examples)
    return paths.report / PAGE_NAME


def _keep_figures(source: Path, target: Path, examples: Sequence[Example]) -> None:
    always, evidence = ("fit.png", "perplexity.png"), ("controls.png", "effects.png", "categories.png")
    names = {name: name for name in (*always, *evidence) if name in always or (source / name).is_file()}
    if examples:
        # The best head mostly attends to the first token; the next one shows more.
        shown = examples[min(1, len(examples) - 1)]
        names["example.png"] = f"example-{shown.choice.head}.png"
    with replacing(target) as folder:
        folder.mkdir()
        for name, figure in names.items():
            shutil.copyfile(source / figure, folder / name)


def render(template: str, **content: object) -> str:
    """Renders a template of this folder; everything that is not ``Markup`` is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["unbroken"] = unbroken
    return environment.get_template(template).render(content)


def _corpora(iou: pd.DataFrame) -> list[str]:
    return [ALL_CORPORA, *(str(corpus) for corpus in iou["corpus"].unique() if corpus != ALL_CORPORA)]


def _method_rows(iou: pd.DataFrame) -> dict[str, list[Estimate]]:
    cells = {(row.method, row.metric, row.corpus): Estimate(row.mean, row.low, row.high) for row in records(iou)}
    columns = [("iou", corpus) for corpus in _corpora(iou)] + [("sink_excluded_iou", ALL_CORPORA), ("jsd", ALL_CORPORA)]
    return {
        shown.label: [cells.get((method, *column), Estimate(float("nan"))) for column in columns]
        for method, shown in METHODS.items()
        if (iou["method"] == method).any()
    }


def _figures(tables: Tables, record: ModelRecord, config: Config, gallery: Gallery) -> list[FigureView]:
    fit = draw_fit(tables.heads, tables.iou)
    grid = draw_grid(tables.heads, tables.ablation_effect, record.layers, record.heads_per_layer)
    shown = tables.heads[["head", "method", "iou_test", "sink_excluded_iou_test"]]
    of_heads = shown[shown["method"] == SELECTED].merge(tables.ablation_effect[["head", "ablation_effect"]], on="head")
    views = [
        gallery.add("fit", fit, fit_caption(config.attention.max_tokens), shown),
        gallery.add("heads", grid, GRID, of_heads),
    ]
    if len(tables.perplexity):
        measured = tables.perplexity.iloc[0]
        caption = perplexity_caption(int(measured.texts), int(measured.tokens), config.replacement.precision)
        views.append(gallery.add("perplexity", draw_perplexity(tables.perplexity), caption, tables.perplexity))
    tasks = [task for task in config.evaluation.tasks if task in set(tables.qa["task"])]
    if tasks:
        views.append(gallery.add("questions", draw_questions(tables.qa, tasks), QUESTIONS, tables.qa))
    return views


def _sections(
    tables: Tables,
    programs: Mapping[str, ProgramRecord],
    explainer: Mapping[str, Any],
    config: Config,
    gallery: Gallery,
) -> list[Section]:
    selected = tables.heads[tables.heads["method"] == SELECTED]
    sections = (
        sources_section(tables.sources, tables.equal_size),
        intended_section(tables.sources),
        explainer_section(explainer, tables.explainer),
        terms_section(tables.analyses, selected, programs, gallery),
        sharing_section(tables.analyses, gallery),
        lengths_section(tables.lengths, gallery),
        transfer_section(tables.analyses, config.synthesis),
        weak_section(tables.behaviour, selected, programs),
        coefficients_section(tables.objectives, tables.perplexity, tables.ranking_choice, tables.distillation, gallery),
        cost_by_corpus_section(tables.perplexity_corpora),
        cost_by_length_section(tables.perplexity_lengths),
        ranking_section(tables.ranking_choice, tables.ablation_effect, gallery),
    )
    return [section for section in sections if section is not None]


def _draw(example: Example, causal: bool, folder: Path) -> Markup:
    head, token_strings = example.choice.head, example.text.token_strings
    stem = folder / f"example-{head}"
    save(draw_patterns(token_strings, example.true_pattern, example.predicted, causal), stem)
    rows, columns = np.indices(example.true_pattern.shape).reshape(2, -1)
    weights = {"head": example.true_pattern.ravel(), "program": example.predicted.ravel()}
    write_csv(stem.with_suffix(".csv"), pd.DataFrame({"query": rows, "key": columns, **weights}))
    words = " ".join("".join(token_strings[:SHOWN_TOKENS]).split())
    excerpt = "".join(character for character in words if character.isprintable())
    alternative = f"Attention of head {head} and the pattern its program predicts, on: {excerpt}"
    return inline(stem.with_suffix(".svg"), alternative)
