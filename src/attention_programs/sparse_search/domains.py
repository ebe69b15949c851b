"""Programs found on the texts of one corpus alone, to see how far they carry to others."""

from dataclasses import replace

from attention_programs.checkpoint import Journal
from attention_programs.programs.code_generation import WeightedTerm
from attention_programs.sparse_search.search import Material, Search
from attention_programs.sparse_search.sparse import Sparse


def fit_domains(material: Material, journal: Journal[Sparse]) -> dict[str, list[list[WeightedTerm]]]:
    """The terms of each head's program by corpus; nothing if there is one corpus, or no budget for it.

    Searches are smaller than that on all texts: ``domain_texts`` in place of ``sample_texts``, no terms exchanged, and
    all programs of one size.

    Args:
        material: All texts.
        journal: Steps that an earlier run finished.
    """
    names = sorted({text.corpus for text in material.train})
    settings = material.settings
    if len(names) < 2 or not settings.domain_texts:
        return {}
    small = replace(settings, sample_texts=settings.domain_texts, exchanges=0)
    searches = {name: Search(material.of_corpus(name, small), journal.within(name)) for name in names}
    return {name: [found.terms for found in search.of_size(small.max_terms)] for name, search in searches.items()}
