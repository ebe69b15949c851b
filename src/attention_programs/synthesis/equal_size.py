"""Programs as long as those written by hand for the same heads, so that the two can be compared fairly."""

from collections.abc import Mapping, Sequence

import torch

from attention_programs.heads import Head
from attention_programs.programs.table import ProgramRecord
from attention_programs.synthesis.choosing import Choosing
from attention_programs.synthesis.journal import Journal
from attention_programs.synthesis.reading import summands
from attention_programs.synthesis.search import FoundProgram, LastFit, Material


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


def fit_equal_size(material: Material, sizes: Mapping[int, int], journal: Journal) -> list[FoundProgram]:
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
        own = journal.within(f"equal size {size}")
        numbers = torch.tensor(heads, device=material.sample.lengths.device)
        choosing = Choosing(material.sample.of_heads(numbers), material.start, material.settings, own)
        programs = choosing.improve(choosing.grow(size), f"equal size, {len(heads)} heads")
        last = LastFit(material.of_heads(heads), {size: programs}, own)
        found |= dict(
            zip(heads, last.fit(size, torch.arange(len(heads), device=numbers.device), "equal size"), strict=True)
        )
    return [found[head] for head in sizes]
