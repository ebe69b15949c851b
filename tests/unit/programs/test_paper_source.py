"""Files of the paper's form taken apart: which functions are programs, and what goes with each."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attention_programs.errors import UserError
from attention_programs.models.head import Head
from attention_programs.programs.paper_source.dependencies import PaperSource, parse_paper_source, split
from attention_programs.programs.paper_source.helpers import HelperFile
from attention_programs.untrusted.program_import import read_file
from paper_texts import DATA, library

FILE = DATA / "paper_library.py"
PROGRAM = "def {}(sentence, tokenizer):\n    return {}\n"


def only(source: str) -> PaperSource:
    """The one program of a source."""
    (program,) = split(source, "place").programs
    return program


def named(entry: str) -> PaperSource:
    """A program of the library."""
    return next(program for program in library().programs if program.entry == entry)


def test_the_library_is_taken_apart() -> None:
    programs = library().programs
    assert len(programs) == 24
    assert [program.entry for program in programs][:2] == ["decaying_first_token_bias_L0H0", "syntactic_head_L0H1"]
    assert programs[-1].entry == "bare_matrix"
    assert [program.line for program in programs] == sorted(program.line for program in programs)
    assert {program.entry for program in programs if program.uses_spacy} == {
        "syntactic_head_L0H1",
        "content_words_by_distance_L1H1",
        "same_lemma_L1H2",
        "sentence_and_chunk_L1H3",
    }


def test_heads_and_descriptions_come_from_names_and_docstrings() -> None:
    assert named("decaying_first_token_bias_L0H0").intended_heads == (Head(0, 0),)
    assert named("decaying_first_token_bias_L0H0").description == "decaying first token bias"
    assert named("syntactic_head_L0H1").description == "Attends to the word that the current word depends on."
    assert (named("bare_matrix").intended_heads, named("bare_matrix").description) == ((), "bare matrix")
    assert only(PROGRAM.format("l12h3", 1)).intended_heads == (Head(12, 3),)
    assert only(PROGRAM.format("l12h3", 1)).description == "l12h3"


def test_what_is_left_out_is_said() -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    found = {(lines[remark.line - 1].split("(")[0], remark.message.split(";")[0]) for remark in library().remarks}
    later = named("previous_token_L5H2").line
    assert found == {
        ("print", "left out: \"print('loading the programs')\""),
        ("for unused in range", "left out: 'for unused in range(3):'"),
        ("def similar_embeddings_L5H1", "the file lacks helper embedding_similarity, used by 1 program"),
        ("def previous_token_L5H2", f"left out: previous_token_L5H2 is defined again on line {later}, which counts"),
        ('if __name__ == "__main__":', "left out: \"if __name__ == '__main__':\""),
    }
    assert [remark.line for remark in library().remarks] == sorted(remark.line for remark in library().remarks)


def test_a_program_takes_along_exactly_what_it_needs() -> None:
    source = '''"""A file."""
import numpy as np
import re, math
from typing import Tuple, List
import numpy as np
A = 1
B = A + 1
A = 5
UNUSED = math.pi

def deepest():
    global _state
    return _state

def deep(x=B): return deepest() + x
_state = None

def not_needed(): return re.escape("")

# Layer 1, Head 2
def f_L1H2(sentence: str, tokenizer) -> Tuple[str, np.ndarray]:
    UNUSED = 2  # its own
    return "f", deep() * A
'''
    assert only(source).source == (
        "from typing import Tuple, List\n"
        "import numpy as np\n"
        "A = 1\n"
        "B = A + 1\n"
        "A = 5\n\n"
        "def deepest():\n    global _state\n    return _state\n\n"
        "def deep(x=B):\n    return deepest() + x\n"
        "_state = None\n\n"
        "def f_L1H2(sentence: str, tokenizer) -> Tuple[str, np.ndarray]:\n"
        "    UNUSED = 2\n"
        "    return ('f', deep() * A)\n"
    )


def test_the_later_of_two_helpers_counts_and_changes_are_kept() -> None:
    helper = "def h():\n    raise ValueError\n"
    table = "T = {'old': 1}\nT = {}\nT['x'] = 1\nT['y'] = []\nT['y'][0:0] = [2]\nN = 0\nN += 1\n"
    source = helper + table + "def h():\n    return T, N\n" + PROGRAM.format("f", "h()")
    assert "ValueError" not in only(source).source
    assert "old" not in only(source).source
    assert evaluate(only(source).source, "f") == ({"x": 1, "y": [2]}, 1)


def test_a_list_is_made_of_what_its_names_meant_when_it_was_made() -> None:
    source = "Z = 1\nL = [i + Z for i in range(2)]\nclass C:\n    m = [Z for _ in range(1)]\nZ = 9\n"
    assert evaluate(only(source + PROGRAM.format("f", "(L, C.m, Z)")).source, "f") == ([1, 2], [1], 9)
    assert evaluate(only(source + PROGRAM.format("f", "(L, C.m)")).source, "f") == ([1, 2], [1])


def test_imports_that_may_fail_and_classes_go_along() -> None:
    source = (
        "from __future__ import annotations\nfrom helpers import *\nimport numpy.linalg\nimport numpy\n"
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from numpy import ndarray\n"
        "try:\n    import spacy\nexcept ImportError:\n    spacy = None\n"
        "class Near:\n    base = 2\n    def at(self, d): return self.base ** d + LATER\n"
        "LATER = 1\n" + PROGRAM.format("f", "Near().at(3), numpy.linalg.norm, spacy")
    )
    program = only(source)
    assert program.source.startswith("from __future__ import annotations\nfrom helpers import *\nimport numpy.linalg\n")
    assert "TYPE_CHECKING" not in program.source
    assert "LATER = 1" in program.source
    assert program.uses_spacy


HELPERS = HelperFile(
    "from __future__ import annotations\nBASE = 2\ndef near(d):\n    return scale() ** d\n"
    "def scale():\n    return BASE\ndef spare_L0H0(sentence, tokenizer):\n    return 'no program'\nprint('run')\n",
    "notes/their_helpers.py",
)


@pytest.mark.parametrize(
    "use",
    [
        "from helpers import *\n" + PROGRAM.format("f", "near(3)"),
        "from their_helpers import near\n" + PROGRAM.format("f", "near(3)"),
        "from helpers import near as close, BASE\n" + PROGRAM.format("f", "close(BASE + 1)"),
        "import numpy, helpers\n" + PROGRAM.format("f", "helpers.near(3)"),
        "import helpers as h\n" + PROGRAM.format("f", "h.near(3)"),
        "def f(sentence, tokenizer):\n    from helpers import near\n    return near(3)\n",
        "try:\n    from helpers import *\nexcept ImportError:\n    pass\n" + PROGRAM.format("f", "near(3)"),
        "from __future__ import annotations\n" + PROGRAM.format("f", "near(3)"),
        PROGRAM.format("f", "near(3)"),
    ],
)
def test_a_file_of_helpers_is_split_like_the_rest(use: str) -> None:
    found = split(use, "place", HELPERS)
    (program,) = found.programs
    assert evaluate(program.source, "f") == 8
    assert (program.entry, "spare" in program.source, "helpers" in program.source) == ("f", False, False)
    assert [str(remark) for remark in found.remarks] == [
        (
            "notes/their_helpers.py, line 9: left out: \"print('run')\"; "
            "programs keep only imports, definitions and assignments"
        )
    ]


def test_a_missing_helper_is_one_remark_with_the_number_of_its_programs() -> None:
    source = "import helpers\nfrom helpers import tell\n" + "".join(
        PROGRAM.format(name, value)
        for name, value in {"a": "near(1)", "b": "near(2) + far", "c": "helpers.near(tell)", "d": "1"}.items()
    )
    assert [str(remark) for remark in split(source, "place").remarks] == [
        "line 3: the file lacks helper near, used by 3 programs; add it with --helpers FILE",
        "line 5: the file lacks helper far, used by 1 program; add it with --helpers FILE",
        "line 7: the file lacks helper tell, used by 1 program; add it with --helpers FILE",
    ]


def test_a_name_of_both_files_is_the_programs_files_and_said() -> None:
    source = "BASE = 3\n" + PROGRAM.format("f", "near(2)")
    found = split(source, "place", HELPERS)
    assert evaluate(found.programs[0].source, "f") == 9
    assert "line 1: BASE is also defined in the helper file; this definition counts" in str(found.remarks[-1])


def test_helpers_that_are_no_python_are_named() -> None:
    with pytest.raises(UserError, match=r"^bad\.py, line 1: not valid Python"):
        split(PROGRAM.format("f", "1"), "place", HelperFile("def (", "bad.py"))


def evaluate(source: str, entry: str) -> Any:
    """What a harmless source's function gives."""
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace[entry]("", None)


START = (
    "a, b, c = 1, 2, 3\nt = {}\nh = lambda: 7\ndef f():\n    return 10\ndef g():\n    return 20\n"
    "class K:\n    v = 4\n    def m(self):\n        return 5\n"
)
TEMPLATES = (
    "{x} = {k}", "{x} = {y} + {k}", "{x} += {k}", "{x} = [{y} + i + {z} for i in range(2)][1]", "t['{x}'] = {y}",
    "t = {{}}", "t = dict(t, n={x})", "def f():\n    return {x} + {k}", "def f(p={y}):\n    return p + {x}",
    "def g():\n    return f() + {x}", "{x} = f()", "{x} = g()", "h = lambda: {x} + g()", "{x} = h()",
    "if {x} > {k}:\n    {y} = 1\nelse:\n    pass", "try:\n    {x} = missing\nexcept NameError:\n    {x} = {y} + {k}",
    "class K:\n    v = {x}\n    def m(self):\n        return {y} + self.v", "{x} = K().m()", "({x}, {y}) = ({y}, {x})",
    "import math as {x}\n{x} = int({x}.pi) + {k}",
    "def f():\n    def inner():\n        return {y} + g_()\n    return inner()",
    "def g_():\n    return {x} + {k}", "{x}: int = {y} * 2",
)  # fmt: skip
LETTERS = st.sampled_from("abc")
STATEMENTS = st.builds(
    lambda template, x, y, z, k: template.format(x=x, y=y, z=z, k=k),
    st.sampled_from(TEMPLATES), LETTERS, LETTERS, LETTERS, st.integers(0, 5),
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(STATEMENTS, max_size=12), st.sampled_from(["a", "t", "f()", "g()", "h()", "K().m()", "(a, t, f())"]))
def test_a_program_taken_out_gives_what_it_gives_in_its_file(statements: list[str], result: str) -> None:
    source = START + "\n".join([*statements, PROGRAM.format("entry", result)])
    try:
        expected = evaluate(source, "entry")
    except Exception:
        assume(False)
    assert evaluate(only(source).source, "entry") == expected


@pytest.mark.parametrize(
    "signature",
    [
        "def f(sentence, tokenizer)",
        "def f(sentence, tokenizer, /)",
        "def f(sentence: str, tokenizer: PreTrainedTokenizerBase, window=3, *, scale=2)",
        "def f(text: str, tok: 'AutoTokenizer')",
        "def f(s: str, t: transformers.PreTrainedTokenizer)",
    ],
)
def test_functions_of_a_sentence_and_a_tokenizer_are_programs(signature: str) -> None:
    assert only(f"{signature}:\n    pass\n").entry == "f"


@pytest.mark.parametrize(
    "signature",
    [
        "def f(text, tok)",
        "def f(tokenizer, sentence)",
        "def f(sentence)",
        "def f(sentence, tokenizer, patterns)",
        "def f(sentence, tokenizer, *, needed)",
        "def f(sentence, tokenizer=None)",
        "def _f(sentence, tokenizer)",
        "async def f(sentence, tokenizer)",
        "class C:\n  def f(sentence, tokenizer)",
    ],
)
def test_other_functions_are_none(signature: str) -> None:
    with pytest.raises(UserError, match="place has no program; write functions def name_L5H1"):
        split(f"{signature}:\n    pass\n", "place")


def test_a_function_that_others_use_is_a_helper_unless_named_after_a_head() -> None:
    used = PROGRAM.format("spans", 1) + PROGRAM.format("g", "spans(sentence, tokenizer) + g('', 0)")
    assert only(used).entry == "g"
    heads = PROGRAM.format("f_L0H1", 1) + PROGRAM.format("g", "f_L0H1(sentence, tokenizer)")
    assert [program.entry for program in split(heads, "place").programs] == ["f_L0H1", "g"]


def test_a_program_that_something_else_replaces_is_none() -> None:
    parts = split(PROGRAM.format("f", 1) + "f = None\n" + PROGRAM.format("g", 1), "place")
    assert [program.entry for program in parts.programs] == ["g"]
    assert parts.remarks[0].message == "left out: f is defined again on line 3, which counts"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(sentence, tokenizer)\n    pass", "place, line 1: not valid Python"),
        ("return 1\n" + PROGRAM.format("f", 1), "place, line 1: not valid Python .*outside function.*; fix it"),
        ("X = 1\0", "place.*: not valid Python"),
        ("X = " + "(" * 5000 + "1" + ")" * 5000, "place.*: (not valid Python|nested too deeply)"),
        ("X = " + "-" * 200_000 + "1", "place: nested too deeply or too long a sum; write shorter"),
        (PROGRAM.format("f", " + ".join(["1"] * 3000)), "place: nested too deeply or too long a sum; write shorter"),
        ("", "place has no program"),
        (PROGRAM.format("f", 1) + "f = None\n", "place has no program"),
    ],
)
def test_files_that_are_no_libraries_are_refused(source: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        split(source, "place")
    assert "\n" not in str(caught.value)


def test_nothing_of_a_file_is_run() -> None:
    traps = "raise SystemExit\nX = 1 / 0\nassert False\n"
    parts = split(traps + PROGRAM.format("f", "X"), "place")
    assert [remark.line for remark in parts.remarks] == [1, 3]
    assert parts.programs[0].source.startswith("X = 1 / 0\n")


@pytest.mark.filterwarnings("error")
def test_a_stray_backslash_is_no_matter() -> None:
    assert "'\\\\d'" in only(PROGRAM.format("f", "'\\d'")).source


@pytest.mark.parametrize("program", library().programs, ids=lambda program: program.entry)
def test_what_splitting_gives_is_read_again(program: PaperSource) -> None:
    parsed = parse_paper_source(program.source, program.entry, "place")
    assert parsed.normalised == program.source.strip()
    assert parse_paper_source(parsed.normalised, program.entry, "place") == parsed
    assert parsed.description == program.description
    assert (parsed.terms, parsed.speaks_vocabulary_only) == (0, False)
    assert parsed.nodes > 20
    again = only(program.source)
    assert (again.source, again.uses_spacy) == (program.source, program.uses_spacy)


def test_the_id_covers_the_function_and_all_it_needs() -> None:
    source = "K = 1\n" + PROGRAM.format("f", "K") + PROGRAM.format("g", "K")
    parsed = parse_paper_source(source, "f", "place")
    assert parsed.program_id == hashlib.sha256(f"f\n{parsed.normalised}".encode()).hexdigest()
    assert parse_paper_source(source + "# why\n\n", "f", "place") == parsed
    others = (parse_paper_source(source, "g", "place"), parse_paper_source(source.replace("1", "2"), "f", "place"))
    assert len({parsed.program_id, *(other.program_id for other in others)}) == 3


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (PROGRAM.format("f", 1) + "print(1)\n", "place, line 3: only imports, definitions and assignments may stand"),
        (PROGRAM.format("g", 1), r"place: no program 'f' in it; define def f\(sentence, tokenizer\)"),
        ("def f(sentence):\n    pass\n", "place: no program 'f' in it"),
        ("def f(", "place, line 1: not valid Python"),
        (PROGRAM.format("f", " + ".join(["1"] * 3000)), "place: nested too deeply or too long a sum"),
    ],
)
def test_sources_that_are_no_program_of_the_form_are_refused(source: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_paper_source(source, "f", "place")


def test_an_imported_program_says_where_it_came_from(tmp_path: Path) -> None:
    imported = read_file(FILE, "paper")
    first, parts = imported.candidates[0], library()
    assert (first.entry, first.source) == (parts.programs[0].entry, parts.programs[0].source)
    assert first.provenance == {
        "author": "imported",
        "format": "paper",
        "file": "paper_library.py",
        "file_sha256": hashlib.sha256(FILE.read_bytes()).hexdigest(),
        "function": "decaying_first_token_bias_L0H0",
        "line": parts.programs[0].line,
        "uses_spacy": parts.programs[0].uses_spacy,
    }
    assert imported.remarks == [str(remark) for remark in parts.remarks]
    with pytest.raises(UserError, match="does not exist"):
        read_file(tmp_path / "missing.py", "paper")
