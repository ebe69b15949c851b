"""A word of a parsed sentence as programs in the paper format see it, with spaCy's names."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attention_programs.untrusted.paper_format.sentence import Annotation
from attention_programs.untrusted.paper_format.stub import Stub

if TYPE_CHECKING:
    from attention_programs.untrusted.paper_format.document import Document, Span


DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(
        "text whitespace_ lemma_ norm_ shape_ pos_ tag_ dep_ ent_type_ ent_id_ ent_kb_id_ morphology "
        "noun_chunk".split(),
        "",
    ),
    **dict.fromkeys(
        "orth lower prefix suffix lemma norm shape pos tag dep ent_type ent_id ent_kb_id head_index".split(), 0
    ),
    **dict.fromkeys(
        "is_alpha is_ascii is_bracket is_currency is_digit is_left_punct is_lower is_punct is_quote is_right_punct "
        "is_sent_end is_sent_start is_space is_stop is_title is_upper like_email like_num like_url".split(),
        False,
    ),
    "ent_iob_": "O",
    "ent_iob": 2,
    "lang_": "en",
    "lang": 14626626061804382878,
    "sent_start": -1,
    "is_oov": True,
}
"""A word's attributes, with their most common values."""


class Morphology(str):
    """A word's features, as in ``Number=Sing|Person=3``."""

    __slots__ = ()

    def get(self, name: str, default: Sequence[str] = ()) -> list[str]:
        value = self.to_dict().get(name)
        return value.split(",") if value else list(default)

    def to_dict(self) -> dict[str, str]:
        return dict(feature.split("=", 1) for feature in self.split("|") if feature)


class Words(Stub):
    """What a word and a span have in common; names without a docstring mean what they mean in spaCy."""

    orth_ = property(lambda self: str(self.text))
    n_lefts = property(lambda self: sum(1 for _ in self.lefts))
    n_rights = property(lambda self: sum(1 for _ in self.rights))

    def __str__(self) -> str:
        return str(self.text)

    __repr__ = __str__

    @property
    def subtree(self) -> Iterator["Token"]:
        """The words with all their dependents: those before, then the words themselves, then those after."""
        for word in self.lefts:
            yield from word.subtree
        yield from self._own
        for word in self.rights:
            yield from word.subtree


class Token(Words):
    """A word or a punctuation mark of a sentence.

    An annotation gives the attributes that differ from ``DEFAULTS``; all have spaCy's names and meaning, except
    ``head_index`` (position of its head), ``morphology`` and ``noun_chunk`` (``B`` where one begins, ``I`` inside).
    Numeric attributes (``pos`` for ``pos_``) have spaCy's values.

    Attributes:
        doc: The sentence.
        i: Position among its words.
        idx: Position of its first character.
    """

    stands_for = "a spaCy token"
    text_with_ws = property(lambda self: self.text + self.whitespace_)
    lower_ = property(lambda self: self.text.lower())
    prefix_ = property(lambda self: self.text[:1])
    suffix_ = property(lambda self: self.text[-3:])
    morph = property(lambda self: Morphology(self.morphology))
    head = property(lambda self: self.doc.words[self.head_index])
    lefts = property(lambda self: (child for child in self.children if child.i < self.i))
    rights = property(lambda self: (child for child in self.children if child.i > self.i))
    children = property(lambda self: (self.doc.words[i] for i in self.doc.dependents[self.i]))
    left_edge = property(lambda self: min(self.subtree))
    right_edge = property(lambda self: max(self.subtree))

    def __init__(self, doc: "Document", i: int, idx: int, annotation: Annotation) -> None:
        vars(self).update(DEFAULTS | annotation)
        self.doc = doc
        self.i = i
        self.idx = idx
        self._own = (self,)

    def __len__(self) -> int:
        return len(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and (self.doc is other.doc) and self.i == other.i

    def __lt__(self, other: "Token") -> bool:
        return self.i < other.i

    def __hash__(self) -> int:
        return hash(self.i)

    @property
    def ancestors(self) -> Iterator["Token"]:
        token, words = self, self.doc.words
        while token.head_index != token.i:
            token = words[token.head_index]
            yield token

    @property
    def conjuncts(self) -> tuple["Token", ...]:
        first = self
        while first.dep_ == "conj" and first.head_index != first.i:
            first = first.head
        found = [first]
        for token in found:
            found += [child for child in token.rights if child.dep_ == "conj"]
        return tuple(token for token in found if token.i != self.i)

    @property
    def sent(self) -> "Span":
        return next(sentence for sentence in self.doc.sents if sentence.start <= self.i < sentence.end)

    def nbor(self, i: int = 1) -> "Token":
        if not 0 <= self.i + i < len(self.doc):
            raise IndexError(f"word {self.i} has no neighbour at a distance of {i}")
        return self.doc[self.i + i]

    def has_dep(self) -> bool:
        return bool(self.dep_)

    def has_head(self) -> bool:
        return True

    has_morph = has_head

    def is_ancestor(self, descendant: "Token") -> bool:
        return self in descendant.ancestors
