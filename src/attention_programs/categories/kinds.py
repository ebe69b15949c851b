"""The registry of categories: what attention can follow, and which vocabulary terms express it."""

from dataclasses import dataclass

from attention_programs.programs.features import Feature
from attention_programs.programs.methods import BASELINES, UNIFORM
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES

SINK, POSITION, REPETITION, STRUCTURE, TOKENS = "sink", "position", "repetition", "structure", "tokens"
MIXED = "mixed"


@dataclass(frozen=True)
class Category:
    """A kind of program."""

    label: str
    """Its name in tables and figures."""
    attends: str
    """Completes "attends ..."."""
    color: str
    """Its color in figures, by name in the palette."""


CATEGORIES = {
    SINK: Category("Attention sink", "to the first token or another fixed resting place of the text", "orange"),
    POSITION: Category("Position", "by distance: to the token itself, the previous one, near or far ones", "blue"),
    REPETITION: Category("Repetition", "to earlier copies of a token or word, or to what followed them", "green"),
    STRUCTURE: Category("Structure", "within the word, clause, sentence, line, bracket or quotation", "purple"),
    TOKENS: Category(
        "Token features", "to kinds of tokens: punctuation, classes of words, digits, rare tokens", "pink"
    ),
    UNIFORM: Category(BASELINES[UNIFORM].label, "almost evenly to all tokens so far", "muted"),
    MIXED: Category("Mixed", "by terms of several categories, none of which explains half of the pattern", "grey"),
}
"""Every category, in the order of tables; the last two are not categories of terms."""
TERM_CATEGORIES = (SINK, POSITION, REPETITION, STRUCTURE, TOKENS)
"""The categories that a term can have."""
SINK_TERMS = frozenset({
    "first_token", "second_token", "third_token", "fading_first_token", "row_position", "special", "sink_candidate",
    "secondary_sink", "first_space", "the_after_preposition", "the_after_place", "first_full_stop", "frequent_first",
})  # fmt: skip
"""Terms that mark where idle attention rests, with ``row_position``, which says how much of it the first token gets."""
PLACE_FEATURES = frozenset({"first_4", "first_8", "first_16", "first_32"})
"""Token features that are positions."""
COPIES = ("same", "induction", "copy")
"""What the names of relations to earlier copies contain; the other relations find a kind of token."""


def category_of(feature: Feature) -> str:
    """The category of a term: of what it picks, which is its key class if it has one, else its pattern.

    >>> category_of(Feature("offset", 2)), category_of(Feature("induction")), category_of(Feature(key="comma"))
    ('position', 'repetition', 'tokens')
    >>> category_of(Feature("first_token", query="comma")), category_of(Feature("current_line", key="secondary_sink"))
    ('sink', 'sink')
    """
    name = feature.key or feature.pattern or feature.query
    if name in SINK_TERMS:
        return SINK
    if name in TOKEN_FEATURES:
        return POSITION if name in PLACE_FEATURES else TOKENS
    kind = PATTERNS[name].category
    if kind == "relation":
        return REPETITION if any(part in name for part in COPIES) else TOKENS
    return {"position": POSITION, "structure": STRUCTURE}[kind]
