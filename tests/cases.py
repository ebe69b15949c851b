"""Hand-written programs with what must come of them: shared by the tests of source, runtime, prefix and surrogate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attention_programs.attention.pattern_store import TextAttention
from attention_programs.models.token_style import NO_SPECIAL, SpecialIds
from attention_programs.programs.prefix import PrefixVerdict
from attention_programs.programs.run_result import Reason
from attention_programs.programs.view import TokenView

TEXT = (" A", " cat", ",", " a", " cat")
"""The short text of the expected maps; its tokens 1 and 4 are the same."""
LONG = tuple("The old cat , who sat by the door ( it was cold ) , said : Tom is here . Then a cat ran .".split())
"""A text on which programs that look ahead late are found out."""
EXP = float(np.exp(1.0))


AROUND, INSIDE = ("<s>", "</s>", "[CLS]", "[SEP]", "<bos>", "<|begin_of_text|>"), ("<mask>", "[MASK]", "<unk>")
"""What the cases' special tokens look like."""


def view_of(token_strings: Sequence[str], causal: bool = True, special: bool = False) -> TokenView:
    """A view whose ids number the distinct pieces in the order of their first occurrence.

    Args:
        token_strings: Token strings.
        causal: Whether the model is causal.
        special: Whether what looks like a special token is one.
    """
    numbers = {token_string: number for number, token_string in enumerate(dict.fromkeys(token_strings))}
    around, inside = (
        tuple(numbers[token_string] for token_string in some if token_string in numbers) for some in (AROUND, INSIDE)
    )
    ids = [numbers[token_string] for token_string in token_strings]
    return TokenView(ids, token_strings, causal, SpecialIds(around, inside) if special else NO_SPECIAL)


def mapped(view: TokenView, entries: np.ndarray, key: str) -> TextAttention:
    """A training text with packed maps."""
    return TextAttention(
        ids=view.ids,
        token_strings=view.token_strings,
        causal=view.causal,
        key=key,
        corpus="stories",
        split="train",
        entries=entries,
    )


def program(expression: str, docstring: str = "Does what the case says.") -> str:
    """The source of a program that returns an expression."""
    return f'def program(text):\n    """{docstring}"""\n    return {expression}\n'


@dataclass(frozen=True)
class Good:
    """A program that runs."""

    name: str
    source: str
    rows: tuple[tuple[float, ...], ...]
    """Its map on ``TEXT``, row i up to column i; the rest is 0."""
    prefix_test: PrefixVerdict = "prefix_only"
    free: bool = False
    """Whether it is free Python, which runs only if it ships."""

    @property
    def pattern(self) -> np.ndarray:
        """The expected map, shape (5, 5)."""
        full = np.zeros((len(TEXT), len(TEXT)))
        for i, row in enumerate(self.rows):
            full[i, : len(row)] = row
        return full


GOOD = (
    Good("first token", program("text.first_token"), ((1,), (1, 0), (1, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0, 0))),
    Good(
        "an empty row rests on the first token",
        program("text.previous_token"),
        ((1,), (1, 0), (0, 1, 0), (0, 0, 1, 0), (0, 0, 0, 1, 0)),
    ),
    Good(
        "rows are normalised",
        program("3 * text.first_token + text.self_token"),
        ((1,), (0.75, 0.25), (0.75, 0, 0.25), (0.75, 0, 0, 0.25), (0.75, 0, 0, 0, 0.25)),
    ),
    Good(
        "a difference that stays non-negative",
        program("text.uniform - text.self_token"),
        ((1,), (1, 0), (0.5, 0.5, 0), (1 / 3, 1 / 3, 1 / 3, 0), (0.25, 0.25, 0.25, 0.25, 0)),
    ),
    Good(
        "query and key classes",
        program("text.query.content_word * text.key.comma * text.uniform"),
        ((1,), (1, 0), (1, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0, 0)),
    ),
    Good(
        "softmax",
        program("text.softmax(1.0 * text.latest_same_token)"),
        ((1,), (0.5, 0.5), (1 / 3,) * 3, (0.25,) * 4, tuple(np.array([1, EXP, 1, 1, 1]) / (4 + EXP))),
    ),
    Good(
        "softmax of a class alone",
        program("text.softmax(-1.0 * text.key.comma)"),
        (
            (1,),
            (0.5, 0.5),
            tuple(np.array([1, 1, 1 / EXP]) / (2 + 1 / EXP)),
            tuple(np.array([1, 1, 1 / EXP, 1]) / (3 + 1 / EXP)),
            tuple(np.array([1, 1, 1 / EXP, 1, 1]) / (4 + 1 / EXP)),
        ),
    ),
    Good(
        "a parameter that the search does not try",
        program("text.offset(0)"),
        ((1,), (0, 1), (0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0, 1)),
    ),
    Good(
        "weights on later tokens are masked",
        program("text.next_token + text.self_token"),
        ((1,), (0, 1), (0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0, 1)),
    ),
    Good(
        "free NumPy",
        program("np.tri(text.n) / np.arange(1, text.n + 1)[:, None]"),
        ((1,), (0.5, 0.5), (1 / 3,) * 3, (0.25,) * 4, (0.2,) * 5),
        free=True,
    ),
    Good(
        "free Python with a loop and whole numbers",
        'def program(text):\n    """Counts."""\n    m = np.zeros((text.n, text.n), dtype=int)\n'
        "    for i in range(text.n):\n        m[i, max(i - 1, 0)] = 2\n    return m\n",
        ((1,), (1, 0), (0, 1, 0), (0, 0, 1, 0), (0, 0, 0, 1, 0)),
        free=True,
    ),
    Good(
        "the last token",
        program("text.last_token"),
        ((1,), (1, 0), (1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 0, 1)),
        prefix_test="looks_ahead",
    ),
    Good(
        "the length of the text alone",
        program("text.first_token + text.n * text.self_token"),
        ((1,), (1 / 6, 5 / 6), (1 / 6, 0, 5 / 6), (1 / 6, 0, 0, 5 / 6), (1 / 6, 0, 0, 0, 5 / 6)),
        prefix_test="looks_ahead",
        free=True,
    ),
    Good(
        "before a comma to itself",  # row i looks at token i + 1 alone
        program(
            "np.eye(text.n) * np.append(text.key.comma[0, 1:], 0)[:, None]",
            "Attends to itself right before a comma.",
        ),
        ((1,), (0, 1), (1, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0, 0)),
        prefix_test="looks_ahead",
        free=True,
    ),
    Good(
        "different in one row at the end of a long text",
        program(
            "np.eye(text.n) * (np.append(text.key.full_stop[0, 1:], 0) * (np.arange(text.n) > 20))[:, None]",
            "Attends to itself right before a late full stop.",
        ),
        ((1,), (1, 0), (1, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0, 0)),
        prefix_test="looks_ahead",
        free=True,
    ),
    Good(
        "only with a full stop at the end",
        program("text.first_token if text.pieces[-1] == '.' else text.self_token"),
        ((1,), (0, 1), (0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0, 1)),
        prefix_test="looks_ahead",
        free=True,
    ),
    Good(
        "fails on short texts",
        program("text.first_token * (1 if text.pieces[4] else 0)"),
        ((1,), (1, 0), (1, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0, 0)),
        prefix_test="looks_ahead",
        free=True,
    ),
)


@dataclass(frozen=True)
class Failing:
    """A program whose result can't be used."""

    name: str
    source: str
    reason: Reason
    message: str
    """A part of the message."""


FAILING = (
    Failing("raises", program("1 / len(())"), Reason.EXCEPTION, "ZeroDivisionError"),
    Failing("unknown pattern", program("text.previos_token"), Reason.EXCEPTION, "did you mean text.previous_token"),
    Failing("unknown class", program("text.key.coma"), Reason.EXCEPTION, "did you mean 'comma'"),
    Failing("a number too many", program("text.softmax(text.uniform * 10 ** 400)"), Reason.EXCEPTION, "OverflowError"),
    Failing("fades over nothing", program("text.decay(0)"), Reason.EXCEPTION, "scale 0 is not above 0; write"),
    Failing("endless recursion", program("program(text)"), Reason.EXCEPTION, "RecursionError"),
    Failing("writes to a shared array", program("text.uniform.__setitem__(0, 5)"), Reason.EXCEPTION, "read-only"),
    Failing("opens a file", program("open('/etc/passwd')"), Reason.EXCEPTION, "NameError: name 'open'"),
    Failing("imports", program("__import__('os')"), Reason.EXCEPTION, "NameError: name '__import__'"),
    Failing("evaluates", program("eval('1')"), Reason.EXCEPTION, "NameError: name 'eval'"),
    Failing("executes", program("exec('1')"), Reason.EXCEPTION, "NameError: name 'exec'"),
    Failing("compiles", program("compile('1', '', 'eval')"), Reason.EXCEPTION, "NameError: name 'compile'"),
    Failing("reaches by name", program("getattr(text, 'n')"), Reason.EXCEPTION, "NameError: name 'getattr'"),
    Failing("sets by name", program("setattr(text, 'n', 1)"), Reason.EXCEPTION, "NameError: name 'setattr'"),
    Failing(
        "imports in a statement",
        'def program(text):\n    """Imports."""\n    import os\n    return text.uniform\n',
        Reason.EXCEPTION,
        "__import__ not found",
    ),
    Failing("returns nothing", 'def program(text):\n    """Nothing."""\n', Reason.WRONG_TYPE, "NoneType"),
    Failing("returns a list", program("[[1.0] * 5] * 5"), Reason.WRONG_TYPE, "list"),
    Failing("returns a number", program("1.0"), Reason.WRONG_TYPE, "float"),
    Failing("returns text", program("np.full((text.n, text.n), 'a')"), Reason.WRONG_TYPE, "array of str"),
    Failing("returns complex numbers", program("np.eye(text.n) * 1j"), Reason.WRONG_TYPE, "array of complex128"),
    Failing("returns objects", program("np.eye(text.n).astype('O')"), Reason.WRONG_TYPE, "array of object"),
    Failing("a vector", program("text.key.comma"), Reason.WRONG_SHAPE, "(1, 5) instead of (5, 5)"),
    Failing("too small", program("np.ones((4, 4))"), Reason.WRONG_SHAPE, "(4, 4) instead of (5, 5)"),
    Failing("three axes", program("text.uniform[None]"), Reason.WRONG_SHAPE, "(1, 5, 5)"),
    Failing("infinite", program("text.uniform * np.inf"), Reason.NOT_FINITE, "infinite or undefined"),
    Failing("undefined", program("text.uniform * np.nan"), Reason.NOT_FINITE, "infinite or undefined"),
    Failing("undefined in one later cell", program("np.log(1.0 - np.eye(text.n, k=2))"), Reason.NOT_FINITE, "infinite"),
    Failing("infinite in single precision", program("np.eye(text.n) * 1e300"), Reason.NOT_FINITE, "infinite"),
    Failing("too large to add", program("np.full((text.n, text.n), 3e38)"), Reason.NOT_FINITE, "too large"),
    Failing("negative", program("text.first_token - 2 * text.self_token"), Reason.NEGATIVE, "-2"),
)


@dataclass(frozen=True)
class Refused:
    """A source that is not a program at all."""

    name: str
    source: str
    words: str
    """A part of the message, as a regular expression."""


NO_PROGRAMS = (
    Refused("no Python", "def program(text) return 1", r"place, line 1: not valid Python"),
    Refused("a null byte", "def program(text):\n    return 1\0", r"place.*: not valid Python"),
    Refused("bad indentation", "def program(text):\nreturn 1", r"place, line 2: not valid Python"),
    Refused("nothing", "", "0 functions named 'program'"),
    Refused("another name", "def programme(text):\n    return 1\n", "0 functions named 'program'"),
    Refused("inside a branch", "if 1:\n    def program(text):\n        return 1\n", "0 functions named 'program'"),
    Refused("a coroutine", "async def program(text):\n    return 1\n", "0 functions named 'program'"),
    Refused("a lambda", "program = lambda text: text.uniform\n", "0 functions named 'program'"),
    Refused("two", program("1") + program("2"), "2 functions named 'program'"),
    Refused("an import in front", "import os\n" + program("text.uniform"), "line 1: only 'program' may stand here"),
    Refused("a statement behind", program("text.uniform") + "print(1)\n", "line 4: only 'program' may stand here"),
    Refused("a helper", program("h(text)") + "def h(text):\n    return 1\n", "line 4: only 'program' may stand here"),
    Refused("a very long sum", program(" + ".join(["text.uniform"] * 5000)), "too deeply or too long a sum"),
    Refused("very many signs", program("-" * 200_000 + "1"), "too deeply or too long a sum"),
    Refused("very many brackets", program("(" * 5000 + "1" + ")" * 5000), "not valid Python|too deeply"),
    Refused("a number of 5000 digits", program("9" * 5000 + " * text.uniform"), "not valid Python"),
)
