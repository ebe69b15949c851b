"""Texts of different splits that share much of their wording."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import pandas as pd

from attention_programs.corpora.text import Text

WORDS = 5
"""Length of a shingle, in words."""
MOST_SHARED = 0.5
"""Share of a text's shingles in a single training text above which the two count as near-duplicates."""
COLUMNS = ["corpus", "split", "text", "train_text", "shared"]


def shingles(content: str) -> frozenset[tuple[str, ...]]:
    """All runs of ``WORDS`` words, without case; a shorter text is one run.

    >>> sorted(" ".join(run) for run in shingles("a b c d e F"))
    ['a b c d e', 'b c d e f']
    """
    words = content.casefold().split()
    return frozenset(tuple(words[start : start + WORDS]) for start in range(max(1, len(words) - WORDS + 1)))


def near_duplicates(texts: Sequence[Text]) -> pd.DataFrame:
    """Validation and test texts that share more than half of their shingles with one training text.

    Returns:
        One row a text, with the training text that it shares most with; sorted, empty if there are none.
    """
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for text in texts:
        if text.split == "train":
            for shingle in shingles(text.content):
                holders[shingle].append(text.key)
    rows = []
    for text in texts:
        if text.split == "train":
            continue
        own = shingles(text.content)
        counts = Counter(key for shingle in own for key in holders.get(shingle, ()))
        key, most = min(counts.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        if most > MOST_SHARED * len(own):
            rows.append((text.corpus, text.split, text.key, key, most / len(own)))
    return pd.DataFrame(sorted(rows), columns=COLUMNS)
