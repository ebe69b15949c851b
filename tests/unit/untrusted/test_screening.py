"""The allow-list of syntax, and what programs find around them."""

import pytest

from attention_programs.programs.run_result import Reason
from attention_programs.untrusted.sandbox import restricted_namespace
from attention_programs.untrusted.sandbox.screening import screen

HONEST = (
    "import numpy as np\nfrom collections import Counter, defaultdict\nimport re, math\nfrom typing import List\n",
    "from numpy.linalg import norm\nfrom __future__ import annotations\n",
    "def f(x):\n    a = [i for i in x if i]\n    a[0] += 1\n    return lambda y: (y, *a)\n",
    "class Span:\n    def __init__(self, a):\n        self._b = a\n    def __len__(self):\n        return self._b\n",
    "def g():\n    try:\n        yield 1\n    except (ValueError, KeyError) as e:\n        raise OSError(e) from e\n",
    "_nlp = None\ndef get():\n    global _nlp\n    import spacy\n    _nlp = spacy.load('en')\n    return _nlp\n",
    "def h(token):\n    return token.pos_ + token.dep_ + getattr(token, 'lemma_', '') + f'{token.text!r:>9}'\n",
    "match 3:\n    case int(): pass\n    case [1, *rest]: pass\n",
    "with np.errstate(all='ignore'):\n    x: int = 3\nassert x == 3, 'no'\ndel x\n",
)
BAD = {
    "x = (": Reason.SYNTAX,
    "x = '\0'": Reason.SYNTAX,
    "(" * 5000 + ")" * 5000: Reason.SYNTAX,
    "import os": Reason.IMPORT,
    "import numpy.ctypeslib": Reason.IMPORT,
    "from . import x": Reason.IMPORT,
    "from ..numpy import x": Reason.IMPORT,
    "def f():\n    from subprocess import run": Reason.IMPORT,
    "eval('1')": Reason.FORBIDDEN,
    "x = open": Reason.FORBIDDEN,
    "__builtins__": Reason.FORBIDDEN,
    "x.__class__": Reason.FORBIDDEN,
    "np._core": Reason.FORBIDDEN,
    "g.gi_frame": Reason.FORBIDDEN,
    "np.eye(3).tofile('x')": Reason.FORBIDDEN,
    "async def f(): pass": Reason.FORBIDDEN,
    "class A:\n    def __getattr__(self, name): return 1": Reason.FORBIDDEN,
    "match x:\n    case object(__class__=y): pass": Reason.FORBIDDEN,
}


@pytest.mark.parametrize("source", HONEST)
def test_honest_python_passes(source: str) -> None:
    assert screen(source) is None


@pytest.mark.parametrize("source", BAD, ids=lambda source: source[:30])
def test_what_may_not_stand_there_is_named_with_its_line(source: str) -> None:
    found = screen(source)
    assert found is not None
    assert found.reason is BAD[source]
    assert "line " in found.message or found.reason is Reason.SYNTAX


def namespace() -> dict[str, object]:
    return restricted_namespace.namespace(restricted_namespace.build_modules())


def outcome(expression: str) -> object:
    return eval(expression, namespace())


@pytest.mark.parametrize(
    "expression",
    [
        "open('/etc/passwd')",
        "np.load",
        "np.lib",
        "np.ctypeslib",
        "np.testing",
        "__import__('os')",
        "__import__('numpy.ctypeslib')",
        "__import__('random').SystemRandom",
        "__import__('collections')._sys",
        "__import__('re').enum",
        "getattr(np, '__dict__')",
        "getattr(np, '_core')",
        "exec('1')",
    ],
)
def test_ways_out_are_not_there(expression: str) -> None:
    with pytest.raises((NameError, AttributeError, ImportError)):
        outcome(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "np.linalg.norm(np.eye(4)) == 2",
        "np.random.default_rng().random() == np.random.default_rng().random()",
        "__import__('collections').Counter('aab')['a'] == 2",
        "__import__('collections.abc', None, None, ('Sequence',)).Sequence is not None",
        "hasattr(np, 'eye') and not hasattr(np, '_core') and not hasattr(np, 'nothing')",
        "getattr(np, 'nothing', 7) == 7",
        "print('x') is None",
        "isinstance(ValueError(), Exception)",
        "__import__('math').pi > 3",
    ],
)
def test_what_honest_programs_need_is_there(expression: str) -> None:
    assert outcome(expression)


def test_a_copy_of_a_module_is_the_programs_own() -> None:
    import math

    modules = restricted_namespace.build_modules()
    modules["math"].pi = 3  # type: ignore[attr-defined]
    assert math.pi > 3.1
    assert restricted_namespace.build_modules()["math"].pi == math.pi


def test_reseeding_starts_both_generators_anew() -> None:
    import random

    import numpy as np

    restricted_namespace.reseed()
    first = (random.random(), np.random.rand())
    restricted_namespace.reseed()
    assert first == (random.random(), np.random.rand())
