"""The table of variants: chosen by validation texts, told of test texts."""

import numpy as np
import pytest

from attention_programs.models.head import Head
from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.programs.features import Feature
from attention_programs.programs.prefix import prefix_verdict
from attention_programs.programs.record import make_record
from attention_programs.programs.view import TokenView
from attention_programs.programs.vocabulary import PATTERNS
from attention_programs.scoring.analysis_table import AnalysisScores, analysis_table
from attention_programs.scoring.assignments import OwnScores
from attention_programs.sparse_search.analyses import Writer


def on_texts(values: list[float], corpora: list[str]) -> AnalysisScores:
    iou = np.array(values)[:, None]
    return AnalysisScores({"own": OwnScores(iou, iou / 2)}, corpora)


def test_each_split_gives_its_own_means_by_corpus() -> None:
    source = 'def program(text):\n    """D."""\n    return text.first_token\n'
    program = make_record(source, "n", "search", "prefix_only", [], {})
    validation, test = on_texts([0.2, 0.4], ["code", "stories"]), on_texts([0.5, 0.7, 0.9], ["code", "code", "stories"])
    table = analysis_table({"own": {Head(0, 0): program}}, validation, test, 50, 0).set_index("corpus")
    assert table["iou_validation"].round(6).to_dict() == {"all": 0.3, "code": 0.2, "stories": 0.4}
    assert table["iou"].round(6).to_dict() == {"all": 0.7, "code": 0.6, "stories": 0.9}
    assert table.loc["all", "sink_excluded_iou"].round(6) == 0.35


AHEAD = [term.name for term in PATTERNS.values() if term.looks_ahead and not term.parameters]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("pattern", ["first_token", "induction", *AHEAD])
def test_the_verdict_on_a_sum_is_that_of_the_whole_program(pattern: str, causal: bool) -> None:
    views = [TokenView(range(30), [" a", " the", ".", " cat", ","] * 6, causal)]
    writer = Writer({}, views, [Head(0, 0)])
    terms = [WeightedTerm(Feature("self_token"), 1.5, 1.0), WeightedTerm(Feature(pattern), 3.0, 1.0)]
    record = writer.record(terms, "n", [Head(0, 0)], {})
    assert record.prefix_test == prefix_verdict(record.compiled(), views)
    if pattern in ("first_token", "last_token"):
        assert record.prefix_test == ("prefix_only" if causal and pattern == "first_token" else "looks_ahead")
