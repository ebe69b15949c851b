"""A second device on a machine that has only one: its tensors compute on the CPU and refuse what a GPU refuses.

They say that they are on ``meta``, as torch lets tensors on no other absent device have gradients. Tensors of both
devices may meet where CUDA allows it: a number without dimensions, an index, a copy. Anything else is an error, and so
is NumPy on a tensor that was not brought back to the CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

PRETENDED = "meta"
_MOVES = ("_to_copy", "copy_", "_local_scalar_dense", "equal")
_INDEXED = ("index", "index_put", "index_put_", "_index_put_impl_")


class DeviceTensor(torch.Tensor):
    """A tensor on the pretended device, around one on the CPU."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "DeviceTensor":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=PRETENDED,
        )
        made.inner = inner
        return made

    def __getitem__(self, index: Any) -> Any:
        return super().__getitem__(_tensors(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(_tensors(index), value)

    def tolist(self) -> Any:
        """The numbers, which any device gives."""
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _tensors(index: Any) -> Any:
    """An index with lists and arrays as tensors on the CPU; torch would fill tensors on the device unseen."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple(torch.from_numpy(np.asarray(part)) if isinstance(part, list | np.ndarray) else part for part in parts)


class _Mode(TorchDispatchMode):
    """Also sees the making of tensors."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _literal(make: Any) -> Any:
    """``torch.tensor`` fills its result where no mode sees it; so it does so on the CPU, and then moves it."""

    def tensor(*args: Any, device: Any = None, **kwargs: Any) -> torch.Tensor:
        made: torch.Tensor = make(*args, **kwargs)
        return made if device is None else made.to(device)

    return tensor


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    name = func.overloadpacket.__name__
    given = [each for each in tree_flatten((args, kwargs))[0] if isinstance(each, torch.Tensor)]
    on_device = [each for each in given if isinstance(each, DeviceTensor)]
    others = [each for each in given if not isinstance(each, DeviceTensor) and each.ndim]
    assert not any(each.is_meta for each in given if not isinstance(each, DeviceTensor)), f"{func}: a tensor escaped"
    wanted = kwargs.get("device")
    if on_device and others and name not in _MOVES:
        # CUDA tensors may be indexed by tensors on the CPU, but not the other way round.
        indices = tree_flatten(args[1])[0] if name in _INDEXED and isinstance(args[0], DeviceTensor) else []
        if any(not any(each is index for index in indices) for each in others):
            shapes = [tuple(each.shape) for each in others]
            raise AssertionError(f"{func} mixes tensors of the device with tensors on the CPU of shapes {shapes}")
    if wanted is not None:
        kwargs = kwargs | {"device": "cpu"}
    inner = lambda each: each.inner  # noqa: E731
    found = func(*tree_map_only(DeviceTensor, inner, args), **tree_map_only(DeviceTensor, inner, kwargs))
    there = bool(on_device) if wanted is None else torch.device(wanted).type == PRETENDED
    if name == "copy_":
        return args[0]
    if not there:
        return found
    same = {id(each.inner): each for each in on_device}
    wrap = lambda each: same[id(each)] if id(each) in same else DeviceTensor(each)  # noqa: E731
    return tree_map_only(torch.Tensor, wrap, found)


def _generator(make: Any) -> Any:
    """The CPU's generator, which serves for the pretended device."""
    return lambda device="cpu": make("cpu" if torch.device(device).type == PRETENDED else device)


def _begin(self: Any) -> None:
    self.instead = torch.no_grad()
    self.instead.__enter__()


def _end(self: Any, *problem: Any) -> None:
    self.instead.__exit__(*problem)


@contextmanager
def pretended_device() -> Iterator[str]:
    """Gives the device's name; meanwhile autocast, which does not know it, does nothing, and inference mode, which no
    operation can be watched in, only disables gradients."""
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # or ``to`` would lose what a parameter holds
    try:
        with (
            _Mode(),
            patch("torch.autocast", lambda *_args, **_kwargs: nullcontext()),
            patch("torch.tensor", _literal(torch.tensor)),
            patch("torch.Generator", _generator(torch.Generator)),
            patch.multiple(torch.inference_mode, __enter__=_begin, __exit__=_end),
        ):
            yield PRETENDED
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
