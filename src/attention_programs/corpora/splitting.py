"""Dividing each corpus into train, validation and test."""

from collections.abc import Sequence

import numpy as np

from attention_programs.config import CorporaSettings
from attention_programs.corpora.text import Split, Text, text_key
from attention_programs.errors import UserError


def split_corpus(
    corpus: str, contents: Sequence[str], settings: CorporaSettings, seed: int, held_out: Sequence[str] = ()
) -> list[Text]:
    """Assigns each content to a split by a permutation that only the seed and the set of keys decide.

    Of twins that differ in case or white space the last in alphabetical order stays.

    Args:
        corpus: Its name.
        contents: The texts to divide.
        settings: Shares and limit.
        seed: Of the permutation.
        held_out: Test texts given from outside; the contents are then divided into train and validation alone, and
            those that equal a test text are left out.

    Raises:
        UserError: if the corpus is too small to give each split a text.
    """
    fixed = {text_key(content): content for content in sorted(held_out)}
    by_key = {text_key(content): content for content in sorted(contents)}
    keys = sorted(set(by_key) - set(fixed))
    order = np.random.default_rng(seed).permutation(len(keys))
    validation = round(settings.validation_share * len(keys))
    test = 0 if fixed else round(settings.test_share * len(keys))
    if min(validation, test + len(fixed), len(keys) - validation - test) < 1:
        raise UserError(f"corpus {corpus!r} has {len(keys)} different texts: too few for three splits; add some")
    counts: dict[Split, int] = {"validation": validation, "test": test, "train": len(keys) - validation - test}
    splits = [split for split, count in counts.items() for _ in range(count)]
    texts = [Text(keys[i], corpus, split, by_key[keys[i]]) for i, split in zip(order, splits, strict=True)]
    texts += [Text(key, corpus, "test", content) for key, content in sorted(fixed.items())]
    if settings.limit:
        texts = [text for split in ("train", "validation", "test") for text in _first(texts, split, settings.limit)]
    return sorted(texts, key=lambda text: (text.split, text.key))


def _first(texts: list[Text], split: Split, limit: int) -> list[Text]:
    return [text for text in texts if text.split == split][:limit]


def check_disjoint(texts: list[Text]) -> None:
    """Makes sure that no text stands in two splits or corpora.

    Raises:
        UserError: naming the first text that does.
    """
    seen: dict[str, Text] = {}
    for text in texts:
        other = seen.setdefault(text.key, text)
        if other is not text:
            raise UserError(
                f"the text {text.content[:40]!r} stands in {other.corpus}/{other.split} and in "
                f"{text.corpus}/{text.split}; remove one of the two"
            )
