"""Writing a fitted program as Python that reads as a sum of named terms, biggest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from attention_programs.synthesis.features import Feature


@dataclass(frozen=True)
class WeightedTerm:
    """A feature with its constant and how much it moves the scores (constant x spread under the map)."""

    feature: Feature
    constant: float
    influence: float


def _join(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def _direction(term: WeightedTerm) -> str:
    opposites = {"far tokens": "near tokens", "late tokens": "early tokens",
                 "far tokens late in the text": "the first token late in the text"}  # fmt: skip
    phrase = term.feature.phrase
    return opposites[phrase] if term.feature.graded and term.constant < 0 else phrase


def describe(terms: Sequence[WeightedTerm]) -> str:
    """One sentence that names what the terms draw attention to and what they keep it from.

    >>> describe([WeightedTerm(Feature("first_token"), 4.0, 1.0), WeightedTerm(Feature(key="comma"), -1.0, 0.5),
    ...           WeightedTerm(Feature("self_token", query="digit"), 2.0, 0.1)])
    'Attends to the first token; from digits more to itself; less to commas.'
    """
    drawn = [_direction(t) for t in terms if not t.feature.query and (t.constant > 0 or t.feature.graded)]
    shunned = [t.feature.phrase for t in terms if not t.feature.query and t.constant < 0 and not t.feature.graded]
    parts = [f"attends to {_join(list(dict.fromkeys(drawn)))}" if drawn else "attends evenly"]
    by_query: dict[str, list[str]] = {}
    for term in terms:
        if term.feature.query:
            more = term.constant > 0 or term.feature.graded
            target = f"{'more' if more else 'less'} to {_direction(term)}"
            by_query.setdefault(term.feature.query_phrase, []).append(target)
    parts += [f"from {query} {_join(targets)}" for query, targets in by_query.items()]
    if shunned:
        parts.append(f"less to {_join(shunned)}")
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
