"""Writing a fitted program as Python that reads as a sum of named terms, biggest first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from attention_programs.synthesis.features import Feature

OPPOSITES = {
    "far tokens": "near tokens",
    "late tokens": "early tokens",
    "far tokens late in the text": "the first token late in the text",
}
"""What a graded term draws attention to when its constant is negative."""


@dataclass(frozen=True)
class WeightedTerm:
    """A feature with its constant and how much it moves the scores (constant x spread under the map)."""

    feature: Feature
    constant: float
    influence: float


def _join(parts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(parts))
    if len(distinct) < 2:
        return "".join(distinct)
    return ", ".join(distinct[:-1]) + " and " + distinct[-1]


def _target(term: WeightedTerm) -> str:
    """What the term draws attention to; a graded one with a negative constant draws to the opposite."""
    phrase = term.feature.phrase
    return OPPOSITES[phrase] if term.feature.graded and term.constant < 0 else phrase


def _draws(term: WeightedTerm) -> bool:
    return term.constant > 0 or term.feature.graded


def _queries_by_target(terms: Sequence[WeightedTerm]) -> dict[str, list[str]]:
    """For what the gated terms pick the queries that do so: first by query, then queries of equal targets joined."""
    by_query: dict[str, list[str]] = {}
    for term in terms:
        if term.feature.query:
            direction = "more" if _draws(term) else "less"
            by_query.setdefault(term.feature.query_phrase, []).append(f"{direction} to {_target(term)}")
    by_target: dict[str, list[str]] = {}
    for query, targets in by_query.items():
        by_target.setdefault(_join(targets), []).append(query)
    return by_target


def describe(terms: Sequence[WeightedTerm]) -> str:
    """One sentence that names what the terms draw attention to and what they keep it from.

    A term that moves the scores less than a tenth as much as the strongest is in the source but not in the sentence.

    >>> describe([WeightedTerm(Feature("first_token"), 4.0, 1.0), WeightedTerm(Feature(key="comma"), -1.0, 0.5),
    ...           WeightedTerm(Feature("self_token", query="digit"), 2.0, 0.4),
    ...           WeightedTerm(Feature("self_token", query="blank"), 1.0, 0.2)])
    'Attends to the first token; from digits and blanks more to itself; less to commas.'
    """
    strongest = max((term.influence for term in terms), default=0.0)
    told = [term for term in terms if term.influence >= strongest / 10]
    general = [term for term in told if not term.feature.query]
    drawn = _join(_target(term) for term in general if _draws(term))
    shunned = _join(_target(term) for term in general if not _draws(term))
    parts = [f"attends to {drawn}" if drawn else "attends evenly"]
    parts += [f"from {_join(queries)} {target}" for target, queries in _queries_by_target(told).items()]
    if shunned:
        parts.append(f"less to {shunned}")
    sentence = "; ".join(parts) + "."
    return sentence[0].upper() + sentence[1:]


def emit(terms: Sequence[WeightedTerm]) -> str:
    """The program's source; constants are written with one decimal.

    >>> print(emit([WeightedTerm(Feature("first_token"), 4.0, 1.0), WeightedTerm(Feature("log_distance"), -1.0, 0.5)]))
    def program(text):
        \"\"\"Attends to the first token and near tokens.\"\"\"
        return text.softmax(
            4.0 * text.first_token
            - 1.0 * text.log_distance
        )
    <BLANKLINE>
    """
    ordered = sorted(terms, key=lambda term: (-term.influence, term.feature.expression))
    lines = ["def program(text):", f'    """{describe(ordered)}"""', "    return text.softmax("]
    for position, term in enumerate(ordered):
        sign = "-" if term.constant < 0 else "+"
        lead = "" if position == 0 and sign == "+" else sign + ("" if position == 0 else " ")
        lines.append(f"        {lead}{abs(term.constant):.1f} * {term.feature.expression}")
    if not ordered:
        lines.append("        0.0 * text.uniform")
    return "\n".join([*lines, "    )"]) + "\n"
