"""Text in, a program for every attention head out, the heads replaced, and a record that proves it.

The public names, each imported on first use:

>>> import attention_programs as ap
>>> sorted(set(ap.__all__) - {"__version__"})[:4]
['Head', 'HeadResult', 'Model', 'Patterns']

Read the folders in the order of the data: corpora, models, attention, programs, sparse_search, llm, scoring, surrogate,
evaluation, tracking, report, project.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attention_programs.api.found import HeadResult, SearchResult, search
    from attention_programs.api.model import Model, load_model
    from attention_programs.api.notebook_texts import texts
    from attention_programs.api.patterns import Patterns
    from attention_programs.api.program import Program
    from attention_programs.api.scores import Score, score
    from attention_programs.errors import UserError
    from attention_programs.models.head import Head

__version__ = "0.1.0"
__all__ = [
    "Head",
    "HeadResult",
    "Model",
    "Patterns",
    "Program",
    "Score",
    "SearchResult",
    "UserError",
    "__version__",
    "load_model",
    "score",
    "search",
    "texts",
]
_HOMES = {
    "Head": "models.head",
    "HeadResult": "api.found",
    "Model": "api.model",
    "Patterns": "api.patterns",
    "Program": "api.program",
    "Score": "api.scores",
    "SearchResult": "api.found",
    "UserError": "errors",
    "load_model": "api.model",
    "score": "api.scores",
    "search": "api.found",
    "texts": "api.notebook_texts",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
