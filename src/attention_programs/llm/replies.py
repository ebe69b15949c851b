"""Extracting programs from replies: code fences, several functions, truncated text, refusals."""

import ast
import enum
import re
from dataclasses import dataclass

from attention_programs.config import ExplainerFormat
from attention_programs.files import whole_characters
from attention_programs.llm.call_log import Call
from attention_programs.llm.completions import REASONING, REFUSAL

_FENCE = re.compile(
    r"```[ \t]*(?:python3?|py)?[ \t]*\r?\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
_START = re.compile(r"^(?:import |from |def )", re.MULTILINE)
_SENTENCE = re.compile(r"[^\s#`*][^\n`]*?[.!?:](?=\s|$)")
_THOUGHTS = (
    (r"<(?:think|thinking|thought|reasoning)>", r"</(?:think|thinking|thought|reasoning)>"),
    (r"\[think\]", r"\[/think\]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    (r"<\|channel\|>(?:analysis|commentary)", r"<\|channel\|>final(?:<\|message\|>)?"),
)
"""Marks before and after a model's thoughts."""
HARMLESS_IMPORTS = frozenset({"numpy", "math"})
"""Vocabulary programs have both without importing them."""


class ReplyProblem(enum.StrEnum):
    """Why a reply, or a part of it, has no program to try."""

    EMPTY = "empty reply"
    REFUSED = "refusal"
    NO_PROGRAM = "no program in the reply"
    CUT_OFF = "cut off"
    REASONED = "used up by reasoning"


@dataclass(frozen=True)
class ProposedProgram:
    """A function in a reply."""

    source: str
    entry: str
    hypothesis: str
    """What the head does, in the explainer's words."""


@dataclass(frozen=True)
class ParsedReply:
    """The programs in a reply, and what is wrong with it."""

    programs: tuple[ProposedProgram, ...]
    problems: tuple[ReplyProblem, ...] = ()


def parse_reply(call: Call, format: ExplainerFormat) -> ParsedReply:
    """Extracts the programs from a reply, without running anything."""
    said = call.reply.replace("\r\n", "\n")
    reply = without_thoughts(said)
    cut = call.finish_reason == "length"
    if call.finish_reason in (REFUSAL, "content_filter"):
        return ParsedReply((), (ReplyProblem.REFUSED,))
    if call.finish_reason == REASONING or (cut and said.strip() and not reply.strip()):
        return ParsedReply((), (ReplyProblem.REASONED,))
    if not reply.strip():
        return ParsedReply((), (ReplyProblem.CUT_OFF if cut else ReplyProblem.EMPTY,))
    blocks = _blocks(reply)
    if not blocks:
        return ParsedReply((), (ReplyProblem.CUT_OFF if cut else ReplyProblem.NO_PROGRAM,))
    prose = _SENTENCE.search(reply.split("```")[0])
    spoken = prose[0] if prose else ""
    programs: list[ProposedProgram] = []
    problems: list[ReplyProblem] = []
    for number, block in enumerate(blocks):
        if cut and number == len(blocks) - 1 and not _is_python(block):
            problems.append(ReplyProblem.CUT_OFF)
            continue
        found = _functions(block, format, spoken)
        programs += found
        problems += [] if found else [ReplyProblem.NO_PROGRAM]
    return ParsedReply(tuple(programs), tuple(problems))


def without_thoughts(reply: str) -> str:
    """A reply without the model's thoughts, as delimited by the marks that models use.

    If the opening mark is part of the prompt, a reply has only the closing one; if it is truncated, only the opening.

    >>> without_thoughts("<think>Perhaps commas.</think>It rests.")
    'It rests.'
    """
    for first, last in _THOUGHTS:
        reply = re.sub(f"(?is){first}.*?{last}", "", reply)
        reply = re.split(f"(?i){last}", reply)[-1]
        reply = re.split(f"(?i){first}", reply)[0]
    return reply


def _blocks(reply: str) -> list[str]:
    fenced = [block for block in _FENCE.findall(reply) if block.strip()]
    if fenced or "```" in reply:
        return fenced
    start = _START.search(reply)
    return [reply[start.start() :]] if start else []


def _is_python(block: str) -> bool:
    try:
        ast.parse(block)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _functions(block: str, format: ExplainerFormat, spoken: str) -> list[ProposedProgram]:
    """Every function of a block with the right parameters; a block that is not Python is one program, to reject."""
    if not _is_python(block):
        return [ProposedProgram(block, "program", spoken)] if "def " in block else []
    body = ast.parse(block).body
    parameters = 2 if format == "paper" else 1
    functions = [node for node in body if isinstance(node, ast.FunctionDef) and len(node.args.args) == parameters]
    if format == "paper":
        return [ProposedProgram(block, node.name, _hypothesis(node, spoken)) for node in functions]
    others = [node for node in body if node not in functions and not _is_harmless(node)]
    found = []
    for function in functions:
        lines = [ast.get_source_segment(block, node) or "" for node in (*others, function)]
        # Further programs in a block have other names; any other code goes along, to be rejected by name.
        source = re.sub(rf"\bdef {function.name}\b", "def program", "\n".join(lines), count=1)
        found.append(ProposedProgram(source + "\n", "program", _hypothesis(function, spoken)))
    return found


def _is_harmless(node: ast.stmt) -> bool:
    if isinstance(node, ast.Import):
        return all(name.name in HARMLESS_IMPORTS and name.asname in (None, "np") for name in node.names)
    return isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Constant | ast.Call
    )  # a comment, or an example call


def _hypothesis(function: ast.FunctionDef, spoken: str) -> str:
    return whole_characters(" ".join((ast.get_docstring(function) or spoken).split())[:400])
