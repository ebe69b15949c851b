"""A text as a model reads it: what the store holds, programs see and the sandbox gets of it."""

from dataclasses import dataclass

from attention_programs.models.token_style import NO_SPECIAL, SpecialIds


@dataclass(frozen=True)
class TokenSequence:
    """A tokenised text."""

    ids: tuple[int, ...]
    """Token ids, those of the special tokens around the text included."""
    token_strings: tuple[str, ...]
    """Token strings with their leading spaces."""
    causal: bool = True
    """Whether a token sees those up to itself alone."""
    special_ids: SpecialIds = NO_SPECIAL
    """The tokenizer's."""
