"""A tokenised text as programs in the paper format see it: plain values that can be sent to another process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attention_programs.models.token_strings import byte_alphabet
from attention_programs.models.token_style import TokenStyle

Annotation = dict[str, Any]
"""One word of a parsed sentence (see ``Token`` in ``spacy_token.py``)."""
_REPLACEMENT = "\ufffd"
_CHARACTER_OF_BYTE = {byte: character for character, byte in byte_alphabet().items()}


def raw_tokens(token_strings: Sequence[str], style: TokenStyle) -> tuple[str, ...]:
    """Tokens as the tokenizer writes them; undoes :mod:`~attention_programs.models.token_strings`.

    The replacement character, which stands for part of a character, is kept, as its bytes are unknown.

    >>> raw_tokens([" her", "s"], TokenStyle("byte-level")), raw_tokens([" her", "s"], TokenStyle("wordpiece"))
    (('Ġher', 's'), ('her', '##s'))
    """
    literal = {*style.special, *style.plain}
    return tuple(string if string in literal else _raw_token(string, style) for string in token_strings)


def _raw_token(string: str, style: TokenStyle) -> str:
    if style.kind == "byte-level":
        characters = (c if c == _REPLACEMENT else "".join(_CHARACTER_OF_BYTE[b] for b in c.encode()) for c in string)
        return "".join(characters)
    if style.kind == "wordpiece":
        return string[1:] if string.startswith(" ") else "##" + string
    if style.spells_bytes and len(string) == 1 and string < " ":
        return f"<0x{ord(string):02X}>"
    return string.replace(" ", "▁")


@dataclass(frozen=True)
class PaperText:
    """A text of n tokens."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    """As the model's tokenizer writes them (``Ġher``, ``▁her``, ``##ing``)."""
    token_strings: tuple[str, ...]
    """As text, a leading space included."""
    style: TokenStyle
    annotations: tuple[Annotation, ...] = ()
    """The words of the parsed sentence; empty if it was not parsed."""

    @classmethod
    def of(cls, ids: Sequence[int], token_strings: Sequence[str], style: TokenStyle) -> "PaperText":
        """The unparsed text of a model's ids and token strings."""
        return cls(tuple(ids), raw_tokens(token_strings, style), tuple(token_strings), style)

    @cached_property
    def sentence(self) -> str:
        """The text itself, without special tokens and the leading space that some tokenizers add."""
        return "".join(string for string in self.token_strings if string not in self.style.special)[self._added_space :]

    @cached_property
    def offsets(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each token, with its leading space except in WordPiece; special tokens are empty."""
        spans, position = [], -self._added_space
        for string in self.token_strings:
            shown = "" if string in self.style.special else string
            gap = self.style.kind == "wordpiece" and shown.startswith(" ")
            start, position = position + gap, position + len(shown)
            spans.append((max(start, 0), max(position, 0)))
        return tuple(spans)

    @property
    def _added_space(self) -> int:
        first = next((string for string in self.token_strings if string not in self.style.special), "")
        return int(self.style.kind != "byte-level" and first.startswith(" "))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "PaperText":
        """The text from the values that ``dataclasses.asdict`` returned."""
        style = TokenStyle.from_json(values["style"])
        parts = {name: tuple(values[name]) for name in ("ids", "tokens", "token_strings", "annotations")}
        return cls(style=style, **parts)
