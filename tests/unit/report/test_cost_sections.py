"""The cost of replacing heads by corpus and by length, each column on the same tokens."""

import pandas as pd

from attention_programs.report.cost_sections import cost_by_corpus_section, cost_by_length_section

COLUMNS = ["corpus", "programs", "ranking", "percent", "texts", "tokens", "perplexity", "increase", "low", "high"]
TABLE = pd.DataFrame(
    [
        (corpus, programs, ranking, percent, texts, tokens, 20.0 * (1 + increase / 100), increase, 1.0, 9.0)
        for corpus, texts, tokens in (("stories", 21, 1300), ("wikipedia", 56, 57000))
        for programs, ranking in (("distilled", "fisher"), ("selected", "iou"), ("selected", "fisher"))
        for percent, increase in ((0, 0.0), (25, 5.0))
        if (corpus, programs, ranking) != ("wikipedia", "selected", "iou")
    ],
    columns=COLUMNS,
)


def test_every_corpus_is_a_column_and_says_how_many_tokens_it_has() -> None:
    section = cost_by_corpus_section(TABLE)
    assert section is not None
    assert section.finding == (
        "Every column on the same tokens: stories 1,300 tokens of 21 texts, original perplexity 20.00, wikipedia "
        "57,000 tokens of 56 texts, original perplexity 20.00."
    )
    assert section.table is not None
    assert section.table.head == ("replaced by", "on stories", "on wikipedia")
    assert [list(row) for row in section.table.rows] == [
        ["Distilled programs, 25 %", "5.0 % [1.0, 9.0]", "5.0 % [1.0, 9.0]"],
        ["Selected programs, best fit first, 25 %", "5.0 % [1.0, 9.0]", "–"],
        ["Selected programs, smallest Fisher estimate first, 25 %", "5.0 % [1.0, 9.0]", "5.0 % [1.0, 9.0]"],
    ]


def test_lengths_are_columns_in_order() -> None:
    own = TABLE[(TABLE["corpus"] == "stories") & (TABLE["ranking"] == "fisher")].drop(columns="corpus")
    table = pd.concat([own.assign(tokens_per_text=tokens) for tokens in (256, 64)])
    section = cost_by_length_section(table)
    assert section is not None
    assert section.table is not None
    assert section.table.head == ("replaced by", "at 64 tokens", "at 256 tokens")
    assert section.table.rows[0][0] == "Distilled programs, 25 %"


def test_nothing_measured_is_no_section() -> None:
    assert cost_by_corpus_section(TABLE.iloc[:0]) is None
    assert cost_by_length_section(pd.DataFrame(columns=[*COLUMNS, "tokens_per_text"])) is None
