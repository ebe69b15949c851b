"""The docs' tables of architectures."""

import pandas as pd

from attention_programs.report.architectures import YES, architectures_tables


def test_a_family_is_supported_in_every_precision_or_refused_with_the_first_reason() -> None:
    rows = [
        ("Good", "identity", YES, YES, YES),
        ("Good", "window", YES, YES, YES),
        ("Plain", "identity", YES, YES, YES),
        ("Bad", "identity", "it is wrong; choose another", None, None),
        ("Coarse", "identity", YES, YES, "it overflows"),
    ]
    found = pd.DataFrame(rows, columns=["family", "property", "float32", "bfloat16", "float16"])
    assert architectures_tables(found).splitlines() == [
        "| family | identity | window |",
        "|---|---|---|",
        "| Good | yes | yes |",
        "| Plain | yes | – |",
        "",
        "| refused | why |",
        "|---|---|",
        "| Bad | it is wrong |",
        "| Coarse | in float16: it overflows |",
    ]
