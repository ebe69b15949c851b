"""The table of variants: chosen by validation texts, told of test texts."""

import numpy as np

from attention_programs.heads import Head
from attention_programs.programs.table import make_record
from attention_programs.scoring.assignments import OwnScores
from attention_programs.scoring.variants import VariantScores, variant_table


def on_texts(values: list[float], corpora: list[str]) -> VariantScores:
    iou = np.array(values)[:, None]
    return VariantScores({"own": OwnScores(iou, iou / 2)}, corpora)


def test_each_split_gives_its_own_means_by_corpus() -> None:
    source = 'def program(text):\n    """D."""\n    return text.first_token\n'
    program = make_record(source, "n", "search", "verified", [], {})
    validation, test = on_texts([0.2, 0.4], ["code", "stories"]), on_texts([0.5, 0.7, 0.9], ["code", "code", "stories"])
    table = variant_table({"own": {Head(0, 0): program}}, validation, test, 50, 0).set_index("corpus")
    assert table["iou_validation"].round(6).to_dict() == {"all": 0.3, "code": 0.2, "stories": 0.4}
    assert table["iou"].round(6).to_dict() == {"all": 0.7, "code": 0.6, "stories": 0.9}
    assert table.loc["all", "sink_excluded_iou"].round(6) == 0.35
