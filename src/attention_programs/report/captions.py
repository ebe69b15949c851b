"""What each figure is called, how to read it, and what it does not show."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Caption:
    """The words around a figure."""

    title: str
    reading: str
    limits: str


@dataclass(frozen=True)
class FigureView:
    """A figure on the page."""

    name: str
    """File stem and anchor."""
    caption: Caption
    drawing: Markup


def fit_caption(max_tokens: int) -> Caption:
    """Caption of the distribution of IoU.

    Args:
        max_tokens: Tokens that texts were cut to.
    """
    return Caption(
        "How well programs match heads, beside baselines",
        "One row a method. The hill shows how many heads have which test IoU (each hill is scaled to its own peak), "
        "the bar below it the middle half of the heads, the ring the median, the thin line the range. Right: means "
        "over heads with 95 % intervals over texts; in the second column the first token's column is left out of the "
        "maps. Blue rows chose a program for each head on validation texts; grey rows are baselines.",
        f"IoU depends on the length of the texts (here at most {max_tokens} tokens): longer texts give lower values, "
        "so numbers from other lengths can't be compared. Attention sinks carry much of it: compare with the rows of "
        "the first token, and with the second column. A high IoU does not prove that the head computes what the "
        "program says.",
    )


GRID = Caption(
    "Every head: fit and damage",
    "Layers from left to right, heads from top to bottom. Blue: test IoU of the selected program. Orange: how far "
    "the next-token predictions on validation texts move (KL divergence) when this head alone is replaced by its "
    "program; the scale is stretched at the low end. Crosses mark heads that were not studied.",
    "Damage of single heads does not add up: heads that stand in for each other look harmless one by one. "
    "Small values may be noise; the table of heads gives their standard errors.",
)
PERPLEXITY = Caption(
    "What replacing heads costs",
    "Perplexity on test texts over that of the intact model; the axis is linear up to 1 % and logarithmic above. Solid "
    "lines replace the best-fitted heads first, the others those that do least damage, measured alone, in company, or "
    "estimated. Blue: constants fitted on training texts so that the model keeps its predictions (distilled); black: "
    "the same programs with the constants that fit the maps best. Orange and green put one baseline into every "
    "replaced head. Bands are 95 % intervals (paired bootstrap over texts).",
    "The grey curves are the paper's, for other models on other and shorter texts, with attention exchanged at another "
    "place and no intervals: their shape can be compared, their height can't. At 100 % all orders replace the same "
    "heads.",
)
QUESTIONS = Caption(
    "What replacing heads does to question answering",
    "Share of questions answered right by the model whose heads are replaced by selected programs. Upright lines are "
    "95 % intervals, the dashed line is what guessing gives.",
    "Few questions make wide intervals: points whose intervals overlap widely can't be told apart. A task near chance "
    "for the intact model says nothing about the programs.",
)
