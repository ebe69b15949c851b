"""Base classes for stubs of spaCy, transformers and PyTorch, which say when a gap is the stub's."""

import types
from typing import Any


class NotInStubError(AttributeError):
    """A program asked a stub for something that it lacks but the real object may have."""


class Stub:
    """Replaces a library's object; for an attribute that it lacks, the error says that the stub lacks it."""

    stands_for = "an object"

    def __getattr__(self, name: str) -> Any:
        raise NotInStubError(f"the stub of {self.stands_for} has no {name!r}")


class StubModule(types.ModuleType):
    """Replaces a library's module."""

    def __getattr__(self, name: str) -> Any:
        raise NotInStubError(f"the stub of the module {self.__name__} has no {name!r}")


class MissingHelpers(types.ModuleType):
    """Replaces the module ``helpers`` of a file that came without it; every name is missing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # looked up by the import itself
            raise AttributeError(name)
        raise NameError(f"name {name!r} is not defined", name=name)
