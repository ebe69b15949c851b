"""Rules for the rows of a corpus; all violations are reported at once with file and row."""

import pandas as pd
import pandera.pandas as pa

from attention_programs.errors import UserError

SHOWN = 10
"""Violations named in the message; the rest are counted."""


def _rules(fields: tuple[str, ...]) -> pa.DataFrameSchema:
    def checks() -> list[pa.Check]:
        return [
            pa.Check(lambda s: s.map(lambda v: isinstance(v, str)), name="is a string"),
            pa.Check(lambda s: s.map(lambda v: not isinstance(v, str) or bool(v.strip())), name="is not blank"),
            pa.Check(lambda s: s.map(lambda v: not isinstance(v, str) or "\x00" not in v), name="holds no NUL"),
        ]

    columns = {field: pa.Column(object, checks(), nullable=False) for field in fields}
    return pa.DataFrameSchema(columns, strict=False)


def check_rows(rows: list[dict[str, object]], fields: tuple[str, ...], place: str, skipped: int = 0) -> None:
    """Checks that every row has every field as a non-blank string.

    Args:
        rows: One dict per row.
        fields: Fields that make up the text.
        place: Name of the file or data set, for the message.
        skipped: Rows of the source before ``rows``, so that the message counts from its start.

    Raises:
        UserError: naming file, row and rule of each violation.
    """
    if not rows:
        raise UserError(f"{place}: no rows; a corpus needs at least one")
    table = pd.DataFrame({field: pd.Series([row.get(field) for row in rows], dtype=object) for field in fields})
    try:
        _rules(fields).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        found = sorted(
            {
                (int(index), str(column), "is missing" if check == "not_nullable" else str(check))
                for index, column, check in zip(cases["index"], cases["column"], cases["check"], strict=True)
            }
        )
        missing = {(index, column) for index, column, check in found if check == "is missing"}
        found = [case for case in found if case[2] == "is missing" or case[:2] not in missing]
        lines = [
            f"row {skipped + index + 1}, field {column!r}, rule: {check}" for index, column, check in found[:SHOWN]
        ]
        more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise UserError(
            f"{place}: {len(found)} broken {'rule' if len(found) == 1 else 'rules'}: {'; '.join(lines)}{more}"
        ) from error
