"""The evidence: wrong programs beside the right ones, answers, what fit predicts, and the categories of programs."""

from collections.abc import Sequence

from attention_programs.models.model_record import ModelRecord
from attention_programs.report.answer_sections import answers_section
from attention_programs.report.category_sections import categories_section
from attention_programs.report.control_sections import controls_section
from attention_programs.report.effect_sections import effects_section
from attention_programs.report.result_tables import Tables
from attention_programs.report.section import Gallery, Section


def evidence_sections(
    tables: Tables, record: ModelRecord | None = None, asked: Sequence[str] = (), gallery: Gallery | None = None
) -> list[Section]:
    """The sections of what was measured.

    Args:
        tables: The profile's tables.
        record: The model, whose layers and heads the map shows; without it there is no map.
        asked: The profile's tasks; those without answers are named.
        gallery: Saves the figures; without one there are none.
    """
    answers = answers_section(tables.qa, tables.qa_controls, asked, gallery)
    found = [controls_section(tables.controls, tables.control_areas, gallery)] if len(tables.controls) else []
    found += [answers] if answers else []
    found += [effects_section(tables, gallery)] if len(tables.effects) else []
    found += [categories_section(tables, record, gallery)] if len(tables.categories) else []
    return found
