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
from attention_programs.models.model_record import read_record
from attention_programs.paths import Paths
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import ProgramRecord, read_programs
from attention_programs.report import paper
from attention_programs.report.argument import argument
from attention_programs.report.cost_sections import (
    coefficients_section,
    cost_by_corpus_section,
    cost_by_length_section,
    ranking_section,
)
from attention_programs.report.estimate import unbroken
from attention_programs.report.example_heads import Example, choose, show
from attention_programs.report.figures.pattern_figure import SHOWN_TOKENS, draw_patterns
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
from attention_programs.report.result_tables import Tables
from attention_programs.report.section import Gallery, Section
from attention_programs.report.source_sections import (
    explainer_counts,
    explainer_section,
    intended_section,
    sources_section,
)
from attention_programs.report.summary import summarise, summary_groups

PAGE_NAME = "report.html"
KEPT = ("fit.png", "perplexity.png", "controls.png", "questions.png", "effects.png", "categories.png")
"""Figures that git keeps with the results, where there are any; and one example."""


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
            steps=argument(tables, record, config, gallery),
            sections=[
                *_sections(tables, programs, explainer_counts(paths.results), config, gallery),
                *models_sections(paths.results.parent, config.profile, gallery),
            ],
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
    names = {name: name for name in KEPT if (source / name).is_file()}
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
