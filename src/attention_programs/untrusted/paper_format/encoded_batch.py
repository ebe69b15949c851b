"""What a program's tokenizer returns: columns of numbers, as arrays if PyTorch tensors are requested."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from attention_programs.untrusted.paper_format.stub import NotInStubError, Stub


class _Size(int):
    shape: tuple[int, ...]

    def __call__(self, axis: int | None = None) -> Any:
        return self.shape if axis is None else self.shape[axis]


class Tensor(Stub, np.ndarray):
    """An array with the few PyTorch methods that programs use to convert a tensor to an array."""

    stands_for = "a PyTorch tensor"

    @property
    def size(self) -> Any:
        """Number of elements; called, the shape."""
        size = _Size(int(np.prod(self.shape)))
        size.shape = self.shape
        return size

    def numpy(self) -> np.ndarray:
        """The plain array."""
        return np.array(self)

    def cpu(self) -> "Tensor":
        """Itself."""
        return self

    detach = cpu


class Encoding(dict[str, Any]):
    """The result of encoding: columns by name, also as attributes."""

    def __init__(
        self, columns: Mapping[str, Any], tokens: Sequence[str], words: Callable[[], list[int | None]]
    ) -> None:
        super().__init__(columns)
        self._tokens = list(tokens)
        self._words = words  # few programs ask for them, and finding them takes as long as all else

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise NotInStubError(f"the stub of an encoding has {', '.join(self)}, no {name!r}")
        return self[name]

    def tokens(self, batch_index: int = 0) -> list[str]:
        """Tokens of the first string."""
        return list(self._tokens)

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """Index of the word of each token of the first string; None for special tokens."""
        return self._words()

    def to(self, *_: Any, **__: Any) -> "Encoding":
        """Itself: there is one device."""
        return self
