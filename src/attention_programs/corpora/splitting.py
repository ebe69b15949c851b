"""Divides each corpus into train, validation and test."""

from collections.abc import Sequence

import numpy as np

from attention_programs.config import CorporaSettings
from attention_programs.corpora.near_duplicates import near_duplicate_groups
from attention_programs.corpora.text import SPLITS, Split, Text, text_key
from attention_programs.errors import UserError


def split_corpus(
    corpus: str, contents: Sequence[str], settings: CorporaSettings, seed: int, held_out: Sequence[str] = ()
) -> list[Text]:
    """Assigns each text to a split by a permutation that depends only on the seed and the set of keys.

    Of texts that differ only in case or whitespace, the last in alphabetical order is kept. Near-duplicates stay
    together: when the first by key has its turn, all go to the first split with room for them, or to train if none has.

    Args:
        corpus: Name of the corpus.
        contents: The texts to divide.
        settings: Shares and limit.
        seed: Seed of the permutation.
        held_out: Given test texts; the contents are then divided only into train and validation, without those that
            are equal to a test text or near-duplicates of one.

    Raises:
        UserError: if the corpus is too small to give each split a text.
    """
    fixed = {text_key(content): content for content in sorted(held_out)}
    by_key = {text_key(content): content for content in sorted(contents)} | fixed
    groups = [group for group in near_duplicate_groups(by_key) if fixed.keys().isdisjoint(group)]
    keys = sorted(key for group in groups for key in group)
    led_by = {group[0]: group for group in groups}
    validation = round(settings.validation_share * len(keys))
    test = 0 if fixed else round(settings.test_share * len(keys))
    room: dict[Split, int] = {"validation": validation, "test": test, "train": len(keys) - validation - test}
    texts = [Text(key, corpus, "test", content) for key, content in sorted(fixed.items())]
    for place in np.random.default_rng(seed).permutation(len(keys)):
        group = led_by.get(keys[place], [])
        split: Split = next((split for split, left in room.items() if left >= len(group)), "train")
        room[split] -= len(group)
        texts += [Text(key, corpus, split, by_key[key]) for key in group]
    if {text.split for text in texts} != set(SPLITS):
        raise UserError(
            f"corpus {corpus!r} has {len(groups)} different texts: too few for three splits; add some "
            "(texts that share more than half of their wording count as one)"
        )
    if settings.limit:
        texts = [text for split in SPLITS for text in [t for t in texts if t.split == split][: settings.limit]]
    return sorted(texts, key=lambda text: (text.split, text.key))


def check_disjoint(texts: list[Text]) -> None:
    """Checks that no text is in two splits or corpora.

    Raises:
        UserError: naming the first text that is.
    """
    seen: dict[str, Text] = {}
    for text in texts:
        other = seen.setdefault(text.key, text)
        if other is not text:
            raise UserError(
                f"the text {text.content[:40]!r} is in {other.corpus}/{other.split} and in "
                f"{text.corpus}/{text.split}; remove one of the two"
            )
