"""What a head seems to do, in a sentence made from where its attention goes."""

from collections.abc import Mapping

import pandas as pd

PLACES = {
    "first_token": "the first token",
    "self_token": "the token itself",
    "previous_token": "the previous token",
    "same_token": "earlier copies of the token",
    "induction": "what followed earlier copies",
    "current_word": "the current word",
    "current_sentence": "the current sentence",
    "second_sink": "the second resting place",
    "punctuation": "punctuation",
    "newline": "line breaks",
    "function_word": "function words",
    "content_word": "content words",
    "name_like": "names",
    "digit": "digits",
    "operator": "operators",
}
"""Columns of ``behaviour.csv`` that hold shares of attention, and how they read."""
BIGGEST = 3
"""Shares that are told of each head."""
LEAST = 0.05
"""Shares below this are not told, nor differences below this that set a head apart."""


def behaviours(table: pd.DataFrame) -> dict[str, str]:
    """A sentence for each head.

    Args:
        table: ``behaviour.csv``.
    """
    measures = table.drop(columns="head").astype(float)
    mean = {str(name): float(value) for name, value in measures.mean().items()}
    rows = zip(table["head"].astype(str), measures.to_numpy().tolist(), strict=True)
    return {head: sentence(dict(zip(mean, row, strict=True)), mean) for head, row in rows}


def sentence(head: Mapping[str, float], mean: Mapping[str, float]) -> str:
    """The biggest shares, then the one that stands out most if it is not among them; how far and how spread.

    Args:
        head: Measures of one head, by column.
        mean: Alike, the means over all heads.

    >>> head = {"first_token": 0.18, "content_word": 0.52, "digit": 0.01, "distance": 12.0, "entropy": 2.5}
    >>> mean = {"first_token": 0.4, "content_word": 0.21, "digit": 0.02, "distance": 9.0, "entropy": 2.0}
    >>> sentence(head, mean)
    '52 % on content words (all heads: 21 %), 18 % on the first token (40 %); looks 12.0 tokens away on average (9.0), \
spread over 2.5 bits (2.0)'
    """
    places = sorted((place for place in PLACES if place in head), key=lambda place: -head[place])
    told = [place for place in places[:BIGGEST] if head[place] >= LEAST]
    apart = max(places, key=lambda place: head[place] - mean[place], default="")
    if apart and apart not in told and head[apart] - mean[apart] >= LEAST:
        told.append(apart)
    shares = [f"{100 * head[p]:.0f} % on {PLACES[p]} ({100 * mean[p]:.0f} %)" for p in told]
    if shares:
        shares[0] = shares[0].replace("(", "(all heads: ")
    distance = f"looks {head['distance']:.1f} tokens away on average ({mean['distance']:.1f})"
    spread = f"spread over {head['entropy']:.1f} bits ({mean['entropy']:.1f})"
    return "; ".join([", ".join(shares), f"{distance}, {spread}"] if shares else [f"{distance}, {spread}"])
