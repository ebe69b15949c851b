"""A word of a parsed sentence as programs of the paper's format see it, with spaCy's names."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attention_programs.untrusted.paper_format.sentence import Annotation
from attention_programs.untrusted.paper_format.stub import Stub

if TYPE_CHECKING:
    from attention_programs.untrusted.paper_format.document import Document, Span


class Morphology(str):
    """A word's features, as in ``Number=Sing|Person=3``."""

    __slots__ = ()

    def get(self, name: str, default: Sequence[str] = ()) -> list[str]:
        """The values of a feature."""
        value = self.to_dict().get(name)
        return value.split(",") if value else list(default)

    def to_dict(self) -> dict[str, str]:
        """Values by feature."""
        return dict(feature.split("=", 1) for feature in self.split("|") if feature)


class Governor(Stub):
    """What other words depend on: a word or several."""

    @property
    def lefts(self) -> Iterator["Token"]:
        """Words in front of it that depend on it."""
        raise NotImplementedError

    @property
    def rights(self) -> Iterator["Token"]:
        """Words behind it that depend on it."""
        raise NotImplementedError

    @property
    def n_lefts(self) -> int:
        """Number of words in front of it that depend on it."""
        return sum(1 for _ in self.lefts)

    @property
    def n_rights(self) -> int:
        """Number of words behind it that depend on it."""
        return sum(1 for _ in self.rights)


class Token(Governor):
    """A word or a sign of a sentence.

    An annotation gives those of its attributes that differ from the values below; all have spaCy's names and meaning,
    but ``head_index`` (position of its head), ``morphology`` and ``noun_chunk`` (``B`` where one begins, ``I`` inside).
    The numbers behind names (``pos`` of ``pos_``) are spaCy's own.

    Attributes:
        doc: The sentence.
        i: Position among its words.
        idx: Position of its first character.
    """

    stands_for = "a spaCy token"

    text: str = ""
    whitespace_: str = ""
    lemma_: str = ""
    norm_: str = ""
    shape_: str = ""
    pos_: str = ""
    tag_: str = ""
    dep_: str = ""
    ent_type_: str = ""
    ent_iob_: str = "O"
    ent_id_: str = ""
    ent_kb_id_: str = ""
    lang_: str = "en"
    orth: int = 0
    lower: int = 0
    prefix: int = 0
    suffix: int = 0
    lemma: int = 0
    norm: int = 0
    shape: int = 0
    pos: int = 0
    tag: int = 0
    dep: int = 0
    ent_type: int = 0
    ent_iob: int = 2
    ent_id: int = 0
    ent_kb_id: int = 0
    lang: int = 14626626061804382878
    sent_start: int = -1
    head_index: int = 0
    morphology: str = ""
    noun_chunk: str = ""
    is_alpha: bool = False
    is_ascii: bool = False
    is_bracket: bool = False
    is_currency: bool = False
    is_digit: bool = False
    is_left_punct: bool = False
    is_lower: bool = False
    is_oov: bool = True
    is_punct: bool = False
    is_quote: bool = False
    is_right_punct: bool = False
    is_sent_end: bool = False
    is_sent_start: bool = False
    is_space: bool = False
    is_stop: bool = False
    is_title: bool = False
    is_upper: bool = False
    like_email: bool = False
    like_num: bool = False
    like_url: bool = False

    def __init__(self, doc: "Document", i: int, idx: int, annotation: Annotation) -> None:
        vars(self).update(annotation)
        self.doc = doc
        self.i = i
        self.idx = idx

    def __len__(self) -> int:
        return len(self.text)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and (self.doc is other.doc) and self.i == other.i

    def __lt__(self, other: "Token") -> bool:
        return self.i < other.i

    def __hash__(self) -> int:
        return hash(self.i)

    @property
    def text_with_ws(self) -> str:
        """The text with the space behind it."""
        return self.text + self.whitespace_

    @property
    def orth_(self) -> str:
        """The text."""
        return self.text

    @property
    def lower_(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    @property
    def prefix_(self) -> str:
        """The first character."""
        return self.text[:1]

    @property
    def suffix_(self) -> str:
        """The last three characters."""
        return self.text[-3:]

    @property
    def morph(self) -> Morphology:
        """Features of the word's form."""
        return Morphology(self.morphology)

    @property
    def head(self) -> "Token":
        """The word that this one depends on; a root is its own head."""
        return self.doc[self.head_index]

    @property
    def lefts(self) -> Iterator["Token"]:
        """Words in front that depend on this one."""
        return (child for child in self.children if child.i < self.i)

    @property
    def rights(self) -> Iterator["Token"]:
        """Words behind that depend on this one."""
        return (child for child in self.children if child.i > self.i)

    @property
    def children(self) -> Iterator["Token"]:
        """Words that depend on this one, in the order of the sentence."""
        return (self.doc[i] for i in self.doc.dependents[self.i])

    @property
    def ancestors(self) -> Iterator["Token"]:
        """Its head, the head's head, up to the root."""
        token = self
        while token.head_index != token.i:
            token = token.head
            yield token

    @property
    def subtree(self) -> Iterator["Token"]:
        """The word and all that depend on it through any number of steps, in the order of the tree."""
        for child in self.lefts:
            yield from child.subtree
        yield self
        for child in self.rights:
            yield from child.subtree

    @property
    def left_edge(self) -> "Token":
        """First word of its subtree."""
        return min(self.subtree)

    @property
    def right_edge(self) -> "Token":
        """Last word of its subtree."""
        return max(self.subtree)

    @property
    def conjuncts(self) -> tuple["Token", ...]:
        """The words that it is coordinated with."""
        first = self
        while first.dep_ == "conj" and first.head_index != first.i:
            first = first.head
        found = [first]
        for token in found:
            found += [child for child in token.rights if child.dep_ == "conj"]
        return tuple(token for token in found if token.i != self.i)

    @property
    def sent(self) -> "Span":
        """The sentence that it stands in."""
        return next(sentence for sentence in self.doc.sents if sentence.start <= self.i < sentence.end)

    def nbor(self, i: int = 1) -> "Token":
        """The word ``i`` positions further on.

        Raises:
            IndexError: if there is none.
        """
        if not 0 <= self.i + i < len(self.doc):
            raise IndexError(f"word {self.i} has no neighbour at a distance of {i}")
        return self.doc[self.i + i]

    def has_dep(self) -> bool:
        """Whether its relation to its head is known."""
        return bool(self.dep_)

    def has_head(self) -> bool:
        """Whether its head is known: always, in a parsed sentence."""
        return True

    def has_morph(self) -> bool:
        """Whether its features are known: always, in a parsed sentence."""
        return True

    def is_ancestor(self, descendant: "Token") -> bool:
        """Whether another word depends on this one through any number of steps."""
        return self in descendant.ancestors
