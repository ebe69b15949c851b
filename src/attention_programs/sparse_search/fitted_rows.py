"""Which rows of long texts are fitted, so that a design stays within a bound on memory."""

from collections.abc import Sequence
from dataclasses import replace

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.sparse_search.design import design_bytes


def fitted_parts(texts: Sequence[TextAttention], features: int, memory_mib: float) -> list[TextAttention]:
    """The texts as the search fits them: a long one counts twice, once by its beginning and once by its later rows.

    A program has to fit both where few tokens are visible and where many are, and most rows of a long text are of the
    second kind. The later rows are thinned out, every other one at a time, until the design is within the bound.

    Args:
        texts: Texts of which later rows may be missing.
        features: Number of features that are evaluated.
        memory_mib: Bound on the design; beginnings are never thinned out.
    """
    beginnings = [text.complete for text in texts]
    later = [_later(text) for text in texts if text.rows]
    while later and design_bytes([*beginnings, *later], features) > memory_mib * 2**20:
        thinned = [_thinned(text) for text in later]
        if all(len(new.rows) == len(old.rows) for new, old in zip(thinned, later, strict=True)):
            break
        later = thinned
    return [*beginnings, *later]


def _later(text: TextAttention) -> TextAttention:
    return _of_rows(text, range(text.packing.complete, len(text.rows)))


def _thinned(text: TextAttention) -> TextAttention:
    """Every other row, the last one included."""
    places = range(len(text.rows))
    return _of_rows(text, places[::-2][::-1])


def _of_rows(text: TextAttention, places: range) -> TextAttention:
    packing = text.packing
    entries = packing.unpack(text.entries)[:, list(places)]
    kept = tuple(text.rows[place] for place in places)
    thin = replace(text, rows=kept, entries=entries[:, 0, :0])
    rows, columns = thin.packing.places
    return replace(thin, entries=entries[:, rows, columns])
