"""Programs as long as those written by hand for the same heads, so that the two can be compared fairly."""

from collections.abc import Mapping, Sequence

from attention_programs.checkpoint import Journal
from attention_programs.models.head import Head
from attention_programs.programs.parser import summands
from attention_programs.programs.table import ProgramRecord
from attention_programs.sparse_search.search import FoundProgram, Material, Search
from attention_programs.sparse_search.sparse import Sparse


def sizes_by_hand(by_hand: Sequence[ProgramRecord], heads: Sequence[Head]) -> dict[Head, int]:
    """Terms of the program by hand for each studied head that has one; of several the longest counts.

    Args:
        by_hand: The programs; one without a vocabulary term has no size.
        heads: The studied heads, in the order of the maps.
    """
    found: dict[Head, int] = {}
    for program in by_hand:
        for head in map(Head.parse, program.intended_heads):
            found[head] = max(found.get(head, 0), summands(program))
    return {head: found[head] for head in heads if found.get(head)}


def fit_equal_size(material: Material, sizes: Mapping[int, int], journal: Journal[Sparse]) -> list[FoundProgram]:
    """A program of so many terms for each of some heads: grown, exchanged and fitted as the whole search does it.

    Args:
        material: The texts with the maps of all heads.
        sizes: Terms by number of the head.
        journal: Steps that an earlier run finished.

    Returns:
        The programs, in the order of ``sizes``.
    """
    found: dict[int, FoundProgram] = {}
    for size in sorted(set(sizes.values())):
        heads = [head for head, terms in sizes.items() if terms == size]
        search = Search(material.of_heads(heads), journal.within(f"equal size {size}"))
        found |= dict(zip(heads, search.of_size(size, f"equal size, {len(heads)} heads"), strict=True))
    return [found[head] for head in sizes]
