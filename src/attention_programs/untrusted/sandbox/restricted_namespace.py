"""The namespace of an untrusted program: harmless builtins, and copies of modules without their escape routes.

Like the screening, it is for clear messages and reproducible results, and is not a security boundary.
"""

import builtins
import importlib
import random
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from attention_programs.untrusted.sandbox.screening import MODULES, STUBS

SEED = 0
"""Seed of both random number generators, reset before every text."""

_BUILTINS = (
    "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate filter float "
    "format frozenset hash hex id int isinstance issubclass iter len list map max min next object oct ord pow property "
    "range repr reversed round set slice sorted staticmethod str sum super tuple type zip __build_class__"
).split()
_HARMLESS = {name: getattr(builtins, name) for name in _BUILTINS} | {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}
"""Those builtins and all exceptions; collected once, as every text of every program gets a copy."""
_HIDDEN = {
    "numpy": frozenset(
        (
            "DataSource core ctypeslib distutils f2py fromfile fromregex genfromtxt get_include info lib load loadtxt "
            "memmap save savetxt savez savez_compressed setbufsize seterrcall show_config show_runtime test testing"
        ).split()
    ),
    "random": frozenset({"SystemRandom"}),
    "typing": frozenset({"get_type_hints"}),
}
Modules = Mapping[str, types.ModuleType]


def _copy(name: str, hidden: frozenset[str]) -> types.ModuleType:
    original = importlib.import_module(name)
    public = getattr(original, "__all__", None) or [key for key in vars(original) if not key.startswith("_")]
    copy = types.ModuleType(name, original.__doc__)
    for key in public:
        value = getattr(original, key)
        if key not in hidden and not isinstance(value, types.ModuleType):
            setattr(copy, key, value)
    return copy


def build_modules() -> dict[str, types.ModuleType]:
    """Copies of all modules that a program may import; ``default_rng`` is seeded, so that programs are reproducible."""
    modules = {name: _copy(name, _HIDDEN.get(name, frozenset())) for name in sorted(MODULES - STUBS)}
    seeded = modules["numpy.random"]
    seeded.default_rng = lambda seed=SEED: np.random.default_rng(SEED if seed is None else seed)  # type: ignore[attr-defined]
    for name in ("linalg", "random", "fft", "typing"):
        setattr(modules["numpy"], name, modules[f"numpy.{name}"])
    setattr(modules["collections"], "abc", modules["collections.abc"])  # noqa: B010 - mypy knows no such attribute
    return modules


def reseed() -> None:
    """Resets both random number generators."""
    random.seed(SEED)
    np.random.seed(SEED)


def namespace(modules: Modules) -> dict[str, Any]:
    """The globals of a program: ``np``, ``math``, and harmless builtins, whose import returns the copies."""
    own = {"print": _print, "getattr": _getattr, "hasattr": _hasattr, "__import__": _importer(modules)}
    return {
        "np": modules["numpy"],
        "math": modules["math"],
        "__builtins__": {**_HARMLESS, **own},
        "__name__": "program",
    }


def _print(*_: Any, **__: Any) -> None:
    """Takes anything and says nothing."""


def _getattr(value: Any, name: str, *default: Any) -> Any:
    if type(name) is not str or name.startswith("_"):
        raise AttributeError(f"{name!r} leads out of the program")
    return getattr(value, name, *default)


def _hasattr(value: Any, name: str) -> bool:
    try:
        _getattr(value, name)
    except AttributeError:
        return False
    return True


def _importer(modules: Modules) -> Callable[..., types.ModuleType]:
    def import_copy(
        name: str, globals_: Any = None, locals_: Any = None, names: Any = (), level: int = 0
    ) -> types.ModuleType:
        # NumPy's compiled code imports its submodules through the caller's builtins, with a list of names, not a tuple.
        if name.startswith("numpy.") and isinstance(names, list):
            return importlib.import_module(name)
        if name not in modules or level:
            raise ImportError(f"no module {name!r} for programs")
        return modules[name] if names else modules[name.split(".", maxsplit=1)[0]]

    return import_copy
