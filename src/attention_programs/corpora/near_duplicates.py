"""Texts that share much of their wording."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from attention_programs.corpora.text import Text

WORDS = 5
"""Length of a shingle, in words."""
MAX_SHARED = 0.5
"""Two texts are near-duplicates if one shares more than this fraction of its shingles with the other."""
COLUMNS = ["corpus", "split", "text", "train_text", "shared"]


def shingles(content: str) -> frozenset[tuple[str, ...]]:
    """All runs of ``WORDS`` words, case-folded; a shorter text is one run.

    >>> sorted(" ".join(run) for run in shingles("a b c d e F"))
    ['a b c d e', 'b c d e f']
    """
    words = content.casefold().split()
    return frozenset(tuple(words[start : start + WORDS]) for start in range(max(1, len(words) - WORDS + 1)))


def near_duplicate_groups(contents: Mapping[str, str]) -> list[list[str]]:
    """Divides texts into groups that share little wording with each other.

    Two texts are near-duplicates if more than half of the shingles of the shorter one are in the other; groups are the
    connected components of these pairs.

    Args:
        contents: Texts by key.

    Returns:
        The sorted keys of each group, ordered by the first; most groups have only one text.
    """
    keys = sorted(contents)
    runs = [shingles(contents[key]) for key in keys]
    sizes = np.array([len(own) for own in runs], dtype=int)
    numbers: dict[tuple[str, ...], int] = {}
    columns = [numbers.setdefault(run, len(numbers)) for own in runs for run in own]
    rows = np.repeat(np.arange(len(keys)), sizes)
    # The product visits only pairs of texts that have a shingle in common.
    holds = csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=(len(keys), len(numbers)))
    shared = (holds @ holds.T).tocoo()
    alike = shared.data > MAX_SHARED * np.minimum(sizes[shared.row], sizes[shared.col])
    pairs = coo_array((shared.data[alike], (shared.row[alike], shared.col[alike])), shape=shared.shape)
    groups: dict[int, list[str]] = defaultdict(list)
    for key, group in zip(keys, connected_components(pairs, directed=False)[1].tolist(), strict=True):
        groups[group].append(key)
    return list(groups.values())


def near_duplicates(texts: Sequence[Text]) -> pd.DataFrame:
    """Validation and test texts that share more than half of their shingles with one training text.

    Splits keep near-duplicates of one corpus together, so these pairs are from two corpora.

    Returns:
        One row per text, with the training text that it shares most with; sorted, empty if there are none.
    """
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for text in texts:
        if text.split == "train":
            for shingle in shingles(text.content):
                holders[shingle].append(text.key)
    rows = []
    for text in (text for text in texts if text.split != "train"):
        own = shingles(text.content)
        counts = Counter(key for shingle in own for key in holders.get(shingle, ()))
        key, most = min(counts.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        if most > MAX_SHARED * len(own):
            rows.append((text.corpus, text.split, text.key, key, most / len(own)))
    return pd.DataFrame(sorted(rows), columns=COLUMNS)
