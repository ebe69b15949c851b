"""A text as a model reads it; the one type in the store, for programs and in the sandbox."""

from dataclasses import dataclass

from attention_programs.models.token_style import NO_SPECIAL, SpecialIds


@dataclass(frozen=True)
class TokenSequence:
    """A tokenised text."""

    ids: tuple[int, ...]
    """Token ids, including the special tokens around the text."""
    token_strings: tuple[str, ...]
    """Token strings with their leading spaces."""
    causal: bool = True
    """Whether a token sees only the tokens up to itself."""
    special_ids: SpecialIds = NO_SPECIAL
    """Ids of the tokenizer's special tokens."""
