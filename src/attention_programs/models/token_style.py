"""How a model's tokenizer writes tokens, in so few words that it can be stored beside maps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["byte-level", "sentencepiece", "wordpiece"]


@dataclass(frozen=True)
class TokenStyle:
    """What tells ``Ġher``, ``▁her`` and ``##ing`` apart."""

    kind: Kind
    special: tuple[str, ...] = ()
    """Tokens that stand for no text."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Special tokens by their role, as in ``{"bos_token": "<s>"}``."""
    vocabulary_size: int = 0
    spells_bytes: bool = False
    """Whether control characters are written as bytes, ``<0x0A>``, because the vocabulary lacks them."""

    @classmethod
    def of(cls, tokenizer: Any) -> "TokenStyle":
        """Reads the style off a fast tokenizer of transformers."""
        decoder = json.dumps(json.loads(tokenizer.backend_tokenizer.to_str()).get("decoder") or {})
        added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        vocabulary = tokenizer.get_vocab()
        roles = {role: token for role, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
        return cls(
            kind="byte-level" if "ByteLevel" in decoder else "wordpiece" if "WordPiece" in decoder else "sentencepiece",
            special=tuple(sorted({*tokenizer.all_special_tokens, *added})),
            roles=dict(sorted(roles.items())),
            vocabulary_size=len(tokenizer),
            spells_bytes="<0x0A>" in vocabulary and "\n" not in vocabulary,
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TokenStyle":
        """The style that ``dataclasses.asdict`` wrote as plain values."""
        return cls(**{**values, "special": tuple(values["special"])})
