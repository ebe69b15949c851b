"""Splits a file in the paper's format into programs, each with the helpers, constants and imports that it needs."""

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from attention_programs.errors import UserError
from attention_programs.files import sha256_text, whole_characters
from attention_programs.models.head import Head
from attention_programs.programs.paper_source.definitions import Definition, Definitions, is_definition
from attention_programs.programs.paper_source.helpers import HelperFile, defined_twice, open_imports, taken_from_helpers
from attention_programs.programs.source import ParsedSource, reading

_HEAD = re.compile(r"_?[Ll](\d+)[Hh](\d+)$")


@dataclass(frozen=True)
class PaperSource:
    """One self-contained program of a file."""

    entry: str
    """Name of its function."""
    source: str
    """The imports, constants and helpers that it needs, in file order, and the function."""
    description: str
    """First line of the docstring, or what the function's name says."""
    intended_heads: tuple[Head, ...]
    """The head that the function's name ends with, if any."""
    uses_spacy: bool
    """Whether it, or a helper that it needs, imports spaCy."""
    line: int
    """The function's line in the file."""


@dataclass(frozen=True)
class Remark:
    """A remark on something in a file that was left out or changed."""

    line: int
    message: str
    file: str = ""
    """The helper file, if the line is there."""

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.message}" if self.file else f"line {self.line}: {self.message}"


@dataclass(frozen=True)
class PaperFile:
    """The contents of a file in the paper's format, in file order."""

    programs: tuple[PaperSource, ...]
    remarks: tuple[Remark, ...]


def split(source: str, place: str, helpers: HelperFile | None = None) -> PaperFile:
    """Extracts the programs from a file.

    A program is a top-level function without a leading underscore that has exactly two required parameters, named
    ``sentence`` and ``tokenizer``, or annotated ``str`` and with a type whose name contains ``Tokenizer``. If another
    function or constant of the file uses it, it is a helper, unless its name ends with a head (``_L5H1``).

    Imports, functions, classes and assignments (also inside ``if`` and ``try``) go with the programs that need them;
    other top-level statements are left out with a remark. Of two definitions of a name the later one counts, as in
    Python. Side effects of calls in assignments are not tracked.

    Args:
        source: Python source.
        place: The file that it came from, for messages.
        helpers: Another file with functions and constants that the programs may use; none of its functions is a
            program. If both files define a name, the programs' file counts.

    Raises:
        UserError: if a file is not Python, or the first has no program.
    """
    from_helpers: list[ast.stmt] = []
    if helpers is not None:
        with reading(helpers.place):
            from_helpers = _parse(helpers.source, helpers.place).body
    with reading(place):
        tree = _parse(source, place)
        tree = tree if helpers is None else open_imports(tree, helpers)
        parts = _split(tree.body, from_helpers, place)
    file = helpers.place if helpers else ""
    lost = [_dropped(node, file) for node in from_helpers if not (_is_empty(node) or is_definition(node))]
    return replace(parts, remarks=(*lost, *parts.remarks))


def _split(nodes: list[ast.stmt], from_helpers: list[ast.stmt], place: str) -> PaperFile:
    body = [node for node in nodes if not _is_empty(node)]
    own = [Definition.of(node) for node in body if is_definition(node)]
    helping = [Definition.of(node) for node in from_helpers if is_definition(node)]
    # Future imports are only allowed at the beginning of a file.
    statements = sorted([*helping, *own], key=lambda each: not each.is_future)
    definitions = Definitions(statements)
    helpers = {
        name for each in statements for name in each.needs_at_once | each.needs_later if name not in each.defines
    }
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and _is_program(node, helpers)]
    reached = [node for node in functions if definitions.latest(node.name).node is node]
    if not reached:
        raise UserError(
            f"{place} has no program; write functions def name_L5H1(sentence, tokenizer) that return (name, matrix)"
        )
    remarks = [_dropped(node) for node in body if not is_definition(node)]
    remarks += [_replaced(node, definitions) for node in functions if node not in reached]
    remarks += [_redefined(name, own) for name in defined_twice(helping, own)]
    remarks += _missing(reached, definitions)
    programs = tuple(_paper_source(node, definitions) for node in reached)
    return PaperFile(programs, tuple(sorted(remarks, key=lambda remark: remark.line)))


def parse_paper_source(source: str, entry: str, place: str) -> ParsedSource:
    """Parses the source of one program, as returned by :func:`split`.

    Args:
        source: Python source.
        entry: Name of the program's function.
        place: The file or record that it came from, for messages.

    Raises:
        UserError: if it is not Python, does not define the program, or has statements other than definitions.
    """
    with reading(place):
        tree = _parse(source, place)
        for node in tree.body:
            if not is_definition(node):
                raise UserError(
                    f"{place}, line {node.lineno}: only imports, definitions and assignments may stand here"
                )
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == entry]
        if not functions or not _has_signature(functions[-1]):
            raise UserError(f"{place}: no program {entry!r} in it; define def {entry}(sentence, tokenizer)")
        normalised = ast.unparse(tree)
        return ParsedSource(
            normalised=normalised,
            program_id=sha256_text(f"{entry}\n{normalised}"),
            description=_description(functions[-1]),
            terms=0,
            nodes=sum(1 for _ in ast.walk(tree)),
            speaks_vocabulary_only=False,
        )


def _parse(source: str, place: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as invalid escapes, which are the author's business
        tree = ast.parse(source)
        compile(tree, place, "exec", dont_inherit=True)  # finds errors that the grammar allows
    return tree


def _is_empty(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _has_signature(node: ast.FunctionDef) -> bool:
    arguments = node.args
    given = [*arguments.posonlyargs, *arguments.args]
    required = len(given) - len(arguments.defaults)
    if required != 2 or None in arguments.kw_defaults:
        return False
    sentence, tokenizer = given[:2]
    if (sentence.arg, tokenizer.arg) == ("sentence", "tokenizer"):
        return True
    return _annotation(sentence) == "str" and "Tokenizer" in _annotation(tokenizer)


def _annotation(argument: ast.arg) -> str:
    return ast.unparse(argument.annotation).strip("'\"") if argument.annotation else ""


def _is_program(node: ast.FunctionDef, helpers: Collection[str]) -> bool:
    named_after_head = _HEAD.search(node.name) is not None
    return not node.name.startswith("_") and _has_signature(node) and (named_after_head or node.name not in helpers)


def _paper_source(node: ast.FunctionDef, definitions: Definitions) -> PaperSource:
    nodes = [definition.node for definition in definitions.needed_for(node.name).definitions]
    head = _HEAD.search(node.name)
    return PaperSource(
        entry=node.name,
        source=ast.unparse(ast.Module(nodes, type_ignores=[])) + "\n",
        description=_description(node),
        intended_heads=(Head(int(head[1]), int(head[2])),) if head else (),
        uses_spacy=any(_imports_spacy(inner) for outer in nodes for inner in ast.walk(outer)),
        line=node.lineno,
    )


def _description(node: ast.FunctionDef) -> str:
    """The docstring's first line, or else the name as words.

    >>> _description(ast.parse("def decaying_first_token_bias_L0H1(sentence, tokenizer): 1").body[0])
    'decaying first token bias'
    """
    docstring = whole_characters((ast.get_docstring(node) or "").strip().split("\n")[0].strip())
    return docstring or _HEAD.sub("", node.name).replace("_", " ").strip() or node.name


def _imports_spacy(node: ast.AST) -> bool:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return any(name.split(".")[0] == "spacy" for name in names)


def _dropped(node: ast.stmt, file: str = "") -> Remark:
    start = ast.unparse(node).split("\n")[0][:60]
    return Remark(node.lineno, f"left out: {start!r}; programs keep only imports, definitions and assignments", file)


def _replaced(node: ast.FunctionDef, definitions: Definitions) -> Remark:
    later = definitions.latest(node.name).node.lineno
    return Remark(node.lineno, f"left out: {node.name} is defined again on line {later}, which counts")


def _redefined(name: str, definitions: Sequence[Definition]) -> Remark:
    line = next(each.node.lineno for each in definitions if name in each.defines)
    return Remark(line, f"{name} is also defined in the helper file; this definition counts, also for the helpers")


def _missing(programs: Sequence[ast.FunctionDef], definitions: Definitions) -> list[Remark]:
    users = defaultdict[str, list[int]](list)
    for program in programs:
        needed = definitions.needed_for(program.name)
        for helper in {*needed.undefined, *taken_from_helpers(each.node for each in needed.definitions)}:
            users[helper].append(program.lineno)
    return [
        Remark(
            lines[0],
            f"the file lacks helper {helper}, used by {len(lines)} {'program' if len(lines) == 1 else 'programs'}; "
            "add it with --helpers FILE",
        )
        for helper, lines in sorted(users.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
