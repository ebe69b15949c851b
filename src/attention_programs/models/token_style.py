"""How a model's tokenizer spells tokens, in a form small enough to be stored with the patterns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["byte-level", "sentencepiece", "wordpiece"]


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special tokens, split into those inside a text and those around it; both sorted."""

    around: tuple[int, ...] = ()
    """Tokens that open, close, separate or pad texts."""
    inside: tuple[int, ...] = ()
    """Tokens in place of a token of the text: the mask and the unknown token."""

    def among(self, ids: Sequence[int]) -> "SpecialIds":
        """Those that occur in ``ids``.

        >>> SpecialIds((0, 1), (2,)).among([1, 5])
        SpecialIds(around=(1,), inside=())
        """
        found = set(ids)
        return SpecialIds(*(tuple(i for i in part if i in found) for part in (self.around, self.inside)))

    def occur_in(self, ids: Sequence[int]) -> bool:
        """Whether ``ids`` contain any."""
        return not {*self.around, *self.inside}.isdisjoint(ids)

    @classmethod
    def of(cls, tokenizer: Any) -> "SpecialIds":
        """The special ids of a fast transformers tokenizer."""
        special = {token.content: i for i, token in special_tokens(tokenizer).items()}
        model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
        unknown = model.get("unk_id", special.get(model.get("unk_token")))
        inside = {unknown, special.get(tokenizer.mask_token)} & set(special.values())
        others = {token for role, token in _roles(tokenizer).items() if role not in ("unk_token", "mask_token")}
        inside -= {special.get(token) for token in others}
        return cls(tuple(sorted(set(special.values()) - inside)), tuple(sorted(inside)))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "SpecialIds":
        """The inverse of ``dataclasses.asdict``."""
        return cls(tuple(values["around"]), tuple(values["inside"]))


NO_SPECIAL = SpecialIds()


def special_tokens(tokenizer: Any) -> dict[int, Any]:
    """A fast tokenizer's special tokens by id.

    An ordinary token that only serves as padding is not among them.
    """
    return {i: token for i, token in tokenizer.added_tokens_decoder.items() if token.special}


def _roles(tokenizer: Any) -> dict[str, str]:
    return {role: token for role, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}


@dataclass(frozen=True)
class TokenStyle:
    """How a tokenizer spells tokens: ``Ġher``, ``▁her`` or ``##ing``."""

    kind: Kind
    special: tuple[str, ...] = ()
    """Special tokens, which represent no text."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Special tokens by their role, as in ``{"bos_token": "<s>"}``."""
    vocabulary_size: int = 0
    spells_bytes: bool = False
    """Whether control characters are spelled as bytes, ``<0x0A>``, because the vocabulary lacks them."""
    plain: tuple[str, ...] = ()
    """Tokens of text that a byte-level vocabulary spells verbatim, because they were added to it."""
    special_ids: SpecialIds = NO_SPECIAL

    @classmethod
    def of(cls, tokenizer: Any) -> "TokenStyle":
        """The style of a fast transformers tokenizer."""
        decoder = json.dumps(json.loads(tokenizer.backend_tokenizer.to_str()).get("decoder") or {})
        vocabulary = tokenizer.get_vocab()
        byte_level = "ByteLevel" in decoder
        added = {token.content for token in tokenizer.added_tokens_decoder.values() if not token.special}
        return cls(
            kind="byte-level" if byte_level else "wordpiece" if "WordPiece" in decoder else "sentencepiece",
            special=tuple(sorted(token.content for token in special_tokens(tokenizer).values())),
            roles=dict(sorted(_roles(tokenizer).items())),
            vocabulary_size=len(tokenizer),
            spells_bytes="<0x0A>" in vocabulary and "\n" not in vocabulary,
            plain=tuple(sorted(added)) if byte_level else (),
            special_ids=SpecialIds.of(tokenizer),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TokenStyle":
        """The inverse of ``dataclasses.asdict``.

        Raises:
            KeyError: if the values were written by an earlier version.
        """
        strings = {name: tuple(values[name]) for name in ("special", "plain")}
        return cls(**{**values, **strings, "special_ids": SpecialIds.from_json(values["special_ids"])})
