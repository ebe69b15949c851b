"""A parsed sentence as programs in the paper format see it: plain objects with spaCy's names.

They contain what was recorded from spaCy's objects (:mod:`~attention_programs.untrusted.paper_format.annotation`).
Vectors, similarities, the vocabulary, numeric labels and extensions are missing, and a program that asks for them
gets an error that says so (:class:`~attention_programs.untrusted.paper_format.stub.Stub`).
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attention_programs.untrusted.paper_format.sentence import Annotation
from attention_programs.untrusted.paper_format.spacy_token import DEFAULTS, Token, Words
from attention_programs.untrusted.paper_format.stub import Stub


class Span(Words):
    """A run of words."""

    stands_for = "a spaCy span"
    _own = property(lambda self: self.doc.words[self.start : self.end])
    text_with_ws = property(lambda self: "".join(token.text_with_ws for token in self))
    lemma_ = property(lambda self: "".join(token.lemma_ + token.whitespace_ for token in self).strip())
    start_char = property(lambda self: self.doc[self.start].idx)
    end_char = property(lambda self: self.start_char + len(self.text))
    conjuncts = property(lambda self: self.root.conjuncts)
    sent = property(lambda self: self.doc[self.start].sent)
    sents = property(
        lambda self: (
            sentence for sentence in self.doc.sents if sentence.start < self.end and sentence.end > self.start
        )
    )
    ents = property(
        lambda self: tuple(span for span in self.doc.ents if self.start <= span.start and span.end <= self.end)
    )
    noun_chunks = property(
        lambda self: (span for span in self.doc.noun_chunks if self.start <= span.start and span.end <= self.end)
    )

    def __init__(self, doc: "Document", start: int, end: int, label_: str = "") -> None:
        self.doc = doc
        self.start = start
        self.end = max(end, start)
        self.label_ = label_

    def __iter__(self) -> Iterator[Token]:
        return iter(self._own)

    def __contains__(self, token: Token) -> bool:
        return self.start <= token.i < self.end

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            start, end, _ = key.indices(len(self))
            return Span(self.doc, self.start + start, self.start + end)
        return self._own[key]

    def __eq__(self, other: object) -> bool:
        mine = (self.start, self.end, self.label_)
        return isinstance(other, Span) and self.doc is other.doc and mine == (other.start, other.end, other.label_)

    def __hash__(self) -> int:
        return hash((self.start, self.end, self.label_))

    @property
    def text(self) -> str:
        last = self._own[-1:]
        return "".join([*(token.text_with_ws for token in self._own[:-1]), *(token.text for token in last)])

    @property
    def root(self) -> Token:
        """The word that the others depend on; if several, the nearest to the sentence's root, then the first."""
        places = self.start, self.end
        if places not in self.doc._roots:

            def steps(token: Token) -> int:
                if token.head_index == token.i:
                    return -1
                alone = (token.is_space or token.is_punct) and not self.doc.dependents[token.i]
                return len(self.doc) if alone else sum(1 for _ in token.ancestors)

            own = (token for token in self if token.head not in self or token.head_index == token.i)
            self.doc._roots[places] = min(own, key=steps)
        return self.doc._roots[places]

    @property
    def lefts(self) -> Iterator[Token]:
        """Words before the span that depend on one of its words; those of its last word first, as in spaCy."""
        return (left for token in reversed(self._own) for left in token.lefts if left.i < self.start)

    @property
    def rights(self) -> Iterator[Token]:
        """Words after the span that depend on one of its words."""
        return (right for token in self for right in token.rights if right.i >= self.end)

    def get_lca_matrix(self) -> NDArray[np.int32]:
        """Position in the span of each word pair's lowest common ancestor; -1 if it is outside."""
        inside = self.doc.get_lca_matrix()[self.start : self.end, self.start : self.end]
        return np.where((inside >= self.start) & (inside < self.end), inside - self.start, -1).astype(np.int32)


class Document(Stub):
    """A parsed sentence, or several."""

    stands_for = "a spaCy document"
    lang_, lang = DEFAULTS["lang_"], DEFAULTS["lang"]
    doc = property(lambda self: self)
    text = property(lambda self: "".join(token.text_with_ws for token in self.words))

    def __init__(self, annotations: Sequence[Annotation]) -> None:
        self.words: list[Token] = []
        self.dependents: list[list[int]] = [[] for _ in annotations]
        self._roots: dict[tuple[int, int], Token] = {}
        position = 0
        for i, annotation in enumerate(annotations):
            token = Token(self, i, position, annotation)
            position += len(token.text_with_ws)
            self.words.append(token)
            if token.head_index != i:
                self.dependents[token.head_index].append(i)

    def __iter__(self) -> Iterator[Token]:
        return iter(self.words)

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, key: int | slice) -> Any:
        if isinstance(key, slice):
            start, end, _ = key.indices(len(self))
            return Span(self, start, end)
        return self.words[key]

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    text_with_ws = text

    def char_span(self, start: int, end: int, label: str = "", *, alignment_mode: str = "strict") -> Span | None:
        if alignment_mode != "strict":
            raise NotImplementedError(f"the stub of a spaCy document has no alignment mode {alignment_mode!r}")
        first = next((token.i for token in self.words if token.idx == start), None)
        last = next((token.i for token in self.words if token.idx + len(token) == end), None)
        return None if first is None or last is None or last < first else Span(self, first, last + 1, label)

    def has_annotation(self, attr: str, **_: Any) -> bool:
        return True

    def get_lca_matrix(self) -> NDArray[np.int32]:
        """Position of each word pair's lowest common ancestor, which may be one of them; -1 if there is none."""
        paths = [[token.i, *(ancestor.i for ancestor in token.ancestors)] for token in self.words]
        nearest = [[next((i for i in one if i in other), -1) for other in paths] for one in paths]
        return np.array(nearest, np.int32).reshape(len(self), len(self))

    @property
    def sents(self) -> Iterator[Span]:
        starts = [token.i for token in self.words if token.is_sent_start]
        return (Span(self, start, end) for start, end in zip(starts, [*starts[1:], len(self)], strict=True))

    @property
    def noun_chunks(self) -> Iterator[Span]:
        return (Span(self, *places, "NP") for places in _runs(tuple([token.noun_chunk for token in self.words])))

    @property
    def ents(self) -> tuple[Span, ...]:
        runs = _runs(tuple([token.ent_iob_ for token in self.words]))
        return tuple([Span(self, start, end, self.words[start].ent_type_) for start, end in runs])


@functools.lru_cache(maxsize=8)
def _runs(marks: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Start and end of each run of words; programs ask for the same ones for every pair of tokens.

    >>> _runs(("", "B", "I", "B", ""))
    ((1, 3), (3, 4))
    """
    starts = [i for i, mark in enumerate(marks) if mark == "B"]
    return tuple(
        (start, next((i for i in range(start + 1, len(marks)) if marks[i] != "I"), len(marks))) for start in starts
    )
