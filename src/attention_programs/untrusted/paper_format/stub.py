"""What the stubs of spaCy's, transformers' and PyTorch's objects have in common: a reason of their own for a gap."""

import types
from typing import Any


class NotInStubError(AttributeError):
    """A program asked a stub for something that the real object may have and the stub has not."""


class Stub:
    """Stands for a library's object; asked for an attribute that it lacks, it says that the gap is its own."""

    stands_for = "an object"

    def __getattr__(self, name: str) -> Any:
        raise NotInStubError(f"the stub of {self.stands_for} has no {name!r}")


class StubModule(types.ModuleType):
    """Stands for a library's module."""

    def __getattr__(self, name: str) -> Any:
        raise NotInStubError(f"the stub of the module {self.__name__} has no {name!r}")


class MissingHelpers(types.ModuleType):
    """Stands for the module ``helpers`` of a file that came without it: every name of it is missing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what the import itself asks for
            raise AttributeError(name)
        raise NameError(f"name {name!r} is not defined", name=name)
