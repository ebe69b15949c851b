"""Writing a fitted program as Python source: a sum of named terms, the most influential first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from attention_programs.programs.features import Feature
from attention_programs.programs.vocabulary import TOKEN_FEATURES

OPPOSITES = {
    "far tokens": "near tokens",
    "late tokens": "early tokens",
    "all but the first token late in the text": "the first token late in the text",
    "rare tokens": "common tokens",
    "long tokens": "short tokens",
}
"""What a continuous feature draws attention to if its coefficient is negative."""
FAINT = 0.1
"""Terms with less than this share of the strongest influence are in the source but not in the sentence."""
LONGEST = 300
"""Characters of a sentence; longer ones lose their weakest terms."""


@dataclass(frozen=True)
class WeightedTerm:
    """A feature with its coefficient."""

    feature: Feature
    coefficient: float
    influence: float = 0.0
    """How much it moves the scores: coefficient x spread under the pattern; 0 if not measured."""

    @property
    def general(self) -> Feature:
        """The feature without its query class."""
        return replace(self.feature, query="")

    @property
    def draws(self) -> bool:
        """Whether it draws attention to its target; otherwise it keeps attention away from it."""
        return self.coefficient > 0 or self.feature.continuous

    @property
    def target(self) -> str:
        """What it draws attention to or keeps it from; a negative continuous feature draws to the opposite."""
        phrase = self.feature.phrase
        return OPPOSITES[phrase] if self.feature.continuous and self.coefficient < 0 else phrase

    def exception(self, coefficient: float) -> str:
        """The queries that are an exception: they cancel all of the general coefficient, or some of it."""
        so = "" if coefficient > 0 or self.feature.continuous else " so"
        if TOKEN_FEATURES[self.feature.query].continuous:
            return f"more{so} from {OPPOSITES[self.feature.query_phrase]}"
        difference = "except" if abs(self.coefficient) >= abs(coefficient) else f"less{so}"
        return f"{difference} from {self.feature.query_phrase}"


def _join(parts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(parts))
    if len(distinct) < 2:
        return "".join(distinct)
    return ", ".join(distinct[:-1]) + " and " + distinct[-1]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for first, second in pairs:
        groups.setdefault(first, []).append(second)
    return groups


def _general_parts(terms: Sequence[WeightedTerm], exceptions: Sequence[WeightedTerm]) -> tuple[str, str]:
    """A key class that attracts attention while its far tokens repel it is described as its near tokens."""
    coefficients = {term.feature: term.coefficient for term in terms}
    notes = _grouped((term.general.expression, term.exception(coefficients[term.general])) for term in exceptions)
    near = {
        Feature(key=term.feature.key): term.feature
        for term in terms
        if not term.draws
        and term.feature.pattern == "log_distance"
        and coefficients.get(Feature(key=term.feature.key), 0) > 0
    }
    drawn: list[str] = []
    shunned: list[str] = []
    for term in terms:
        far = near.get(term.feature)
        target = far.phrase.replace("far", "near") if far else term.target
        note = notes.get(term.feature.expression)
        if term.feature not in near.values():
            (drawn if term.draws else shunned).append(f"{target} ({_join(note)})" if note else target)
    return _join(drawn), _join(shunned)


def _sentence(terms: Sequence[WeightedTerm]) -> str:
    general = [term for term in terms if not term.feature.query]
    coefficients = {term.feature: term.coefficient for term in general}
    exceptions, clauses = [], []
    for query in dict.fromkeys(term.feature.query for term in terms if term.feature.query):
        gated = [term for term in terms if term.feature.query == query]
        if all(term.coefficient * coefficients.get(term.general, 0.0) < 0 for term in gated):
            exceptions += gated
        else:
            directions = _grouped(("more" if term.draws else "less", term.target) for term in gated)
            clause = _join(f"{direction} to {_join(targets)}" for direction, targets in directions.items())
            clauses.append((clause, gated[0].feature.query_phrase))
    drawn, shunned = _general_parts(general, exceptions)
    parts = [f"attends to {drawn}" if drawn else "attends evenly"]
    parts += [f"from {_join(queries)}, {clause}" for clause, queries in _grouped(clauses).items()]
    if shunned:
        parts.append(f"less to {shunned}")
    sentence = "; ".join(parts) + "."
    return sentence[0].upper() + sentence[1:]


def describe(terms: Sequence[WeightedTerm]) -> str:
    """A sentence saying what the terms draw attention to and what they keep it from, by descending influence.

    A query class whose terms only cancel those for all queries is mentioned as an exception in parentheses.

    >>> describe([WeightedTerm(Feature("first_token"), 4.0, 1.0), WeightedTerm(Feature(key="comma"), -1.0, 0.5),
    ...           WeightedTerm(Feature("self_token", query="digit"), 2.0, 0.4),
    ...           WeightedTerm(Feature("self_token", query="whitespace"), 1.0, 0.2),
    ...           WeightedTerm(Feature("first_token", query="comma"), -1.5, 0.3)])
    'Attends to the first token (less from commas); from digits and whitespace, more to itself; less to commas.'
    """
    strongest = max((term.influence for term in terms), default=0.0)
    mentioned = [term for term in _ordered(terms) if term.coefficient and term.influence >= FAINT * strongest]
    while len(_sentence(mentioned)) > LONGEST and len(mentioned) > 1:
        mentioned.pop()
    return _sentence(mentioned)


def _ordered(terms: Sequence[WeightedTerm]) -> list[WeightedTerm]:
    return sorted(terms, key=lambda term: (-term.influence, term.feature.expression))


def emit(terms: Sequence[WeightedTerm]) -> str:
    """The program's source, with coefficients to one decimal.

    >>> print(emit([WeightedTerm(Feature("first_token"), 4.0, 1.0), WeightedTerm(Feature("log_distance"), -1.0, 0.5)]))
    def program(text):
        \"\"\"Attends to the first token and near tokens.\"\"\"
        return text.softmax(
            4.0 * text.first_token
            - 1.0 * text.log_distance
        )
    <BLANKLINE>
    """
    ordered = _ordered(terms)
    lines = ["def program(text):", f'    """{describe(ordered)}"""', "    return text.softmax("]
    for position, term in enumerate(ordered):
        sign = "-" if term.coefficient < 0 else "+"
        lead = "" if position == 0 and sign == "+" else sign + ("" if position == 0 else " ")
        lines.append(f"        {lead}{abs(term.coefficient):.1f} * {term.feature.expression}")
    if not ordered:
        lines.append("        0.0 * text.uniform")
    return "\n".join([*lines, "    )"]) + "\n"
