"""The longer texts that models and readers get: prompts, a surrogate's description, what the report says.

Numbers are left out where they come from results, so that a text changes with its words alone.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from attention_programs.config import ExplainerFormat, load_config
from attention_programs.files import read_json
from attention_programs.llm.few_shot import EXAMPLES
from attention_programs.llm.prompts import (
    EvaluatedProgram,
    EvaluatedText,
    Known,
    Prompt,
    PromptWriter,
    Weight,
    system_prompt,
)
from attention_programs.llm.tokens import estimate_tokens
from attention_programs.models.model_record import ModelRecord
from attention_programs.report import page
from attention_programs.report.markdown import numbers, sources_block
from attention_programs.report.opening import key_numbers, opening
from attention_programs.report.provenance import Provenance
from attention_programs.report.section import Section
from attention_programs.report.source_sections import explainer_counts
from attention_programs.report.summary import summarise
from attention_programs.surrogate.gate import GateMeasurement
from attention_programs.tracking.model_card import TaskAccuracy, Validation
from builders import program_record
from conftest import ROOT
from snapshots import compare

SMOKE = ROOT / "results/smoke"
RECORD = ModelRecord("smollm2", "folder", "", "", "Llama", 30, 9, 3, True, 49152, "float32", "f" * 64, "Q4_1")
WEIGHTS = (Weight(" her", 3, " she", 1, 0.73, 0.2), Weight(",", 5, "Once", 0, 0.4, 0.6))


def without_numbers(text: str) -> str:
    """Numbers become #, and the width of a column goes."""
    return re.sub(r" +\|", " |", re.sub(r"((?<=[\s[(])[-+])?\d[\d,]*(\.\d+)?", "#", text))


def messages(prompt: Prompt) -> str:
    return "\n".join(f"--- {message['role']}\n{message['content']}" for message in prompt.messages)


@pytest.mark.parametrize("form", ["vocabulary", "paper"])
def test_prompts(form: ExplainerFormat) -> None:
    writer = PromptWriter(form, True, 2, 10**6, estimate_tokens)
    evidence = EXAMPLES[0].evidence
    known = Known("Attends to the first token.", 0.61, WEIGHTS)
    compare(f"prompts/{form}_first.md", messages(writer.synthesis(evidence, known)))
    source = 'def program(text):\n    """Looks back."""\n    return text.previous_token\n'
    texts = (EvaluatedText(True, "Once upon", 0.21, WEIGHTS[:1]), EvaluatedText(False, "The end", 0.55, WEIGHTS))
    revision = writer.refinement(evidence, EvaluatedProgram(source, 0.38, texts), ["line 3: no term 'coma'"])
    compare("prompts/revision.md", f"--- user\n{revision.messages[-1]['content']}")
    repair = writer.refinement(evidence, None, ["line 3: no term 'coma'"])
    compare("prompts/repair.md", f"--- user\n{repair.messages[-1]['content']}")


def test_the_system_prompt_for_an_encoder_with_special_tokens() -> None:
    compare("prompts/vocabulary_encoder_system.md", system_prompt("vocabulary", causal=False, special=True))


def test_descriptions_of_surrogates() -> None:
    held = GateMeasurement(25, 40, 2520, 9.0, 7.0, 12.0)
    tasks = (TaskAccuracy("verb_agreement", 0.9, 0.85, 0.94, 0.5),)
    asked = Validation("joint_ablation", 25, 68, 12000, 21.5, 8.0, 7.0, 9.0, held, 20.0, tasks)
    nan = float("nan")
    bare = replace(asked, tasks=(), limit=10.0, increase_low=nan, increase_high=nan)
    compare("surrogate/passed.txt", asked.description)
    compare("surrogate/failed.txt", bare.description)


def synthesis(section: Section) -> Iterator[str]:
    for caption in [section.caption, *(figure.caption for figure in section.figures[1:])]:
        yield f"## {caption.title}\n\n{caption.reading}"
    yield section.finding
    yield section.compared
    if section.table:
        yield " | ".join(section.table.head)
        yield from map(" | ".join, section.table.rows)
    yield from (f"{head.head}: {head.description} {head.behaviour}" for head in section.heads[:2])


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Section]:
    """All detailed results at the committed results of the smoke profile, whose programs are not in git."""
    tables = page.Tables.read(SMOKE)
    one = program_record("text.softmax(2.0 * text.first_token + text.key.comma)")
    programs = {str(identity): replace(one, id=str(identity)) for identity in tables.heads["program_id"]}
    gallery = page.Gallery(tmp_path_factory.mktemp("figures"))
    with page.styled():
        config = load_config(ROOT / "params.yaml")
        steps = page.argument(tables, RECORD, config, gallery)
        found = page._sections(tables, programs, explainer_counts(SMOKE), config, gallery)
    return {section.name: section for section in [*steps, *found]}


def test_sections_of_the_report(sections: dict[str, Section]) -> None:
    assert len(sections) >= 9
    for name, section in sections.items():
        compare(f"report/{name}.md", without_numbers("\n".join(synthesis(section))))


def test_the_opening_of_the_report() -> None:
    config, summary = load_config(ROOT / "params.yaml"), summarise(SMOKE)
    provenance = Provenance((), {"stories": {"train": 5, "validation": 2, "test": 3}}, "")
    facts: list[Any] = key_numbers(summary, config)
    lines = [f"{fact.label}: {fact.value} {fact.interval} {fact.note}" for fact in facts]
    compare("report/opening.md", without_numbers("\n".join([opening(summary, config, provenance, 9), *lines])))


def test_tables_of_the_docs() -> None:
    compare("docs/numbers.md", without_numbers(numbers(read_json(SMOKE / "summary.json"))))
    compare("docs/sources.md", without_numbers(sources_block(SMOKE)))


def test_every_snapshot_is_compared() -> None:
    """A file that no test writes again would look like a guard and be none."""
    compared = {*re.findall(r'compare\(f?"([^"]+)"', Path(__file__).read_text(encoding="utf-8"))}
    patterns = [re.compile(re.sub(r"\{\w+\}", r"[\\w-]+", name.replace(".", r"\."))) for name in compared]
    for folder in {name.split("/")[0] for name in compared}:
        for path in (ROOT / "tests/data/snapshots" / folder).iterdir():
            name = f"{folder}/{path.name}"
            assert any(pattern.fullmatch(name) for pattern in patterns), f"{name} is left over; delete it"
