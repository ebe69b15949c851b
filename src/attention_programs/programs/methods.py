"""The registry of sources, methods and baselines: their keys, labels and colours.

Tables, figures, the report, the docs and the registered description all read them from here; rankings have their own
registry in ``surrogate.rankings``.
"""

from dataclasses import dataclass
from typing import Final, Literal

Author = Literal["search", "curated", "llm", "baseline", "imported"]
SEARCH: Final = "search"
CURATED: Final = "curated"
LLM: Final = "llm"
BASELINE: Final = "baseline"
IMPORTED: Final = "imported"
SELECTED = "selected"
"""The method whose programs replace heads: the best of all sources."""
DISTILLED = "distilled"
"""The same programs with coefficients fitted to preserve the model's predictions."""
FITTED_SINK_SELF, FIRST_TOKEN, UNIFORM = "sink_self", "first_token", "uniform"


@dataclass(frozen=True)
class Source:
    """A source of programs."""

    label: str
    """Its name in tables of sources."""
    short: str
    """Its name in sentences."""
    method: str = ""
    """Label of the method that takes its best program for each head; empty for a part of another source."""


@dataclass(frozen=True)
class Method:
    """A way to give every head a program."""

    label: str
    """Its name in tables and figures of methods."""
    color: str = "grey"
    """The color of its lines in figures, by name in the palette."""


SOURCES = {
    SEARCH: Source("Search", "search", "Best of search"),
    CURATED: Source("Written by hand", "written by hand", "Best of curated"),
    LLM: Source("Language model", "language model", "Best of language model"),
    "llm_written": Source("– as it wrote them", "as it wrote them"),
    "llm_fitted": Source("– with fitted coefficients", "with fitted coefficients"),
    IMPORTED: Source("Imported", "imported", "Best of imported"),
}
"""Every source by its key in ``sources.csv``, in the order of tables."""
AUTHORS = tuple(key for key, source in SOURCES.items() if source.method)
"""The sources that are methods of their own."""
BASELINES = {
    FITTED_SINK_SELF: Method("Fitted sink + self baseline", "muted"),
    FIRST_TOKEN: Method("First token", "orange"),
    "previous_token": Method("Previous token"),
    "self_token": Method("Token itself"),
    UNIFORM: Method("Uniform", "green"),
    "random_token": Method("Random token in each row"),
    "random_column": Method("Random column"),
}
"""Methods that know nothing about a head, or only how much it attends to the first token and to itself."""
METHODS = {
    SELECTED: Method("Selected program", "blue"),
    **{author: Method(SOURCES[author].method, "blue") for author in AUTHORS},
    **BASELINES,
}
"""Every method of ``heads.csv`` and ``iou.csv``, in the order of tables and figures."""
REPLACED_BY = {
    DISTILLED: Method("Distilled programs", "blue"),
    SELECTED: Method("Selected programs", "ink"),
    FIRST_TOKEN: BASELINES[FIRST_TOKEN],
    UNIFORM: BASELINES[UNIFORM],
}
"""What replaces heads in ``perplexity.csv``, in the order of tables."""
FITTED_AT = "fitted_at/"
"""Begins the names of analyses whose programs were fitted on beginnings of one length; the length follows."""


def method_of(key: str) -> Method:
    """A method of ``lengths.csv``: one of ``METHODS``, or programs fitted at one length.

    >>> method_of("fitted_at/64").label
    'Fitted at 64 tokens'
    """
    if key.startswith(FITTED_AT):
        return Method(f"Fitted at {key.removeprefix(FITTED_AT)} tokens", "ink")
    return METHODS[key]
