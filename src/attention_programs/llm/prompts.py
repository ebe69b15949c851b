"""Prompts: versioned templates, filled by pure functions and shortened to a token limit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jinja2

from attention_programs.config import ExplainerFormat
from attention_programs.errors import UserError
from attention_programs.files import sha256_text
from attention_programs.llm.dialect import description_in_prompts, in_prompts
from attention_programs.llm.few_shot import EXAMPLES
from attention_programs.llm.tokens import CountTokens
from attention_programs.programs.view import SPECIAL
from attention_programs.programs.vocabulary import PATTERNS, TOKEN_FEATURES
from attention_programs.sparse_search.evidence import HeadEvidence, Weight

FOLDER = Path(__file__).parent / "templates"
SYSTEM = {"vocabulary": "system.md.j2", "paper": "system_paper.md.j2"}
MESSAGE_TOKENS = 6
"""Tokens that a chat format adds to each message."""


@dataclass(frozen=True)
class Prompt:
    """What is sent to the explainer."""

    messages: list[dict[str, str]]
    """In the format of the chat API."""
    tokens: int
    """Counted or estimated."""
    templates: dict[str, str]
    """SHA-256 of each template it was made from, by name."""


@dataclass(frozen=True)
class Known:
    """The best program that other sources have for a head."""

    description: str
    iou: float
    """On the texts shown in prompts."""
    residual: tuple[Weight, ...]


@dataclass(frozen=True)
class EvaluatedText:
    """A text on which the program to be revised did best or worst."""

    best: bool
    opening: str
    distance: float
    weights: tuple[Weight, ...]


@dataclass(frozen=True)
class EvaluatedProgram:
    """The program to be revised, with its scores."""

    source: str
    distance: float
    """Mean Jensen-Shannon distance on training texts."""
    texts: tuple[EvaluatedText, ...]


@dataclass(frozen=True)
class PromptWriter:
    """Writes prompts of one format for one kind of model.

    Attributes:
        format: The format of programs asked for.
        causal: Whether the model is causal.
        programs: Number of programs asked for in one reply.
        limit: Maximum number of tokens in a prompt.
        count: Counts tokens.
        special: Whether texts contain special tokens; if not, prompts don't mention them.
    """

    format: ExplainerFormat
    causal: bool
    programs: int
    limit: int
    count: CountTokens
    special: bool = False

    def synthesis(self, evidence: HeadEvidence, known: Known | None) -> Prompt:
        """Asks for the first programs of a head.

        Raises:
            UserError: if even a prompt with a single weight exceeds the limit.
        """
        return self._fitting("synthesize.md.j2", evidence, known, None, programs=self.programs)

    def refinement(self, evidence: HeadEvidence, program: EvaluatedProgram | None, failures: Sequence[str]) -> Prompt:
        """Asks for a better program than the evaluated one, or, if none worked, for one that works."""
        brief = replace(evidence, excerpts=()) if program else evidence
        return self._fitting("refine.md.j2", brief, None, program, failures=list(failures))

    @cached_property
    def opening(self) -> tuple[dict[str, str], ...]:
        """The messages that all prompts share, so that servers can cache them: rules, vocabulary, worked examples."""
        messages = [{"role": "system", "content": system_prompt(self.format, self.causal, self.special)}]
        for example in EXAMPLES if self.format == "vocabulary" else ():
            asked = render("synthesize.md.j2", evidence=example.evidence, known=None, programs=2)
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": example.reply}]
        return tuple(messages)

    @cached_property
    def _opening_tokens(self) -> int:
        return sum(self.count(message["content"]) + MESSAGE_TOKENS for message in self.opening)

    def _fitting(
        self,
        template: str,
        evidence: HeadEvidence,
        known: Known | None,
        program: EvaluatedProgram | None,
        **content: Any,
    ) -> Prompt:
        used = {SYSTEM[self.format], "evidence.md.j2", "synthesize.md.j2", template}
        hashes = {name: digest for name, digest in template_hashes().items() if name in used}
        tokens = 0
        for most in (24, 20, 16, 13, 10, 8, 6, 4, 2, 1):
            user = render(
                template,
                evidence=_shortened(evidence, most),
                known=known and replace(known, residual=known.residual[:most]),
                program=program
                and replace(program, texts=tuple(replace(text, weights=text.weights[:most]) for text in program.texts)),
                **content,
            )
            tokens = self._opening_tokens + self.count(user) + MESSAGE_TOKENS
            if tokens <= self.limit:
                return Prompt([*self.opening, {"role": "user", "content": user}], tokens, hashes)
        raise UserError(
            f"a prompt for head {evidence.head} needs {tokens} tokens; raise "
            f"explainer.prompt_tokens, which is {self.limit}"
        )


def _shortened(evidence: HeadEvidence, most: int) -> HeadEvidence:
    return replace(
        evidence,
        excerpts=tuple(replace(e, top=e.top[:most], strata=_spread(e.strata, most)) for e in evidence.excerpts),
        patterns=tuple(replace(share, expression=in_prompts(share.expression)) for share in evidence.patterns),
        queries=tuple(replace(rest, name=in_prompts(rest.name)) for rest in evidence.queries),
    )


def _spread(weights: tuple[Weight, ...], most: int) -> tuple[Weight, ...]:
    shown = min(most, len(weights))
    return tuple(weights[place * len(weights) // shown] for place in range(shown))


def system_prompt(format: ExplainerFormat, causal: bool, special: bool) -> str:
    """The part that all prompts of a format share, so that servers can cache it."""
    classes = [term for term in TOKEN_FEATURES.values() if term.recorded and (special or term.name != SPECIAL)]
    patterns = [term for term in PATTERNS.values() if term.recorded and not (causal and term.looks_ahead)]
    return render(
        SYSTEM[format],
        causal=causal,
        patterns=_described(
            [
                (f"text.{in_prompts(t.name)}", t.recorded_parameters or t.parameters, description_in_prompts(t.summary))
                for t in patterns
            ]
        ),
        classes=_described([(in_prompts(t.name), t.parameters, description_in_prompts(t.summary)) for t in classes]),
    )


def _described(terms: Sequence[tuple[str, tuple[int, ...], str]]) -> list[str]:
    """One line per term; terms that differ only in the class they name share a line.

    >>> _described([(f"text.last_{name}", (), f"The latest in ``{name}``.") for name in ("comma", "digit")])
    ['text.last_C for C = comma, digit: The latest in C.']
    """
    families: dict[tuple[str, str], list[str]] = {}
    for name, parameters, summary in terms:
        named = next(
            (c for c in re.findall(r"``(\w+)``", summary) if c in TOKEN_FEATURES and name.endswith(f"_{c}")), ""
        )
        shape = name.removesuffix(named) + "C" if named else name
        call = f"({'|'.join(map(str, parameters))})" if parameters else ""
        text = summary.replace(f"``{named}``", "C") if named else summary
        text = re.sub(r"``(\w.*?)``", r"\1", text).replace("``", "'")
        families.setdefault((shape + call, text), []).append(named)
    return [
        f"{shape} for C = {', '.join(members)}: {text}" if members[0] else f"{shape}: {text}"
        for (shape, text), members in families.items()
    ]


def render(template: str, **content: Any) -> str:
    """Renders a template; equal content gives equal text."""
    return re.sub(r"\n{3,}", "\n\n", _environment().get_template(template).render(content)).strip() + "\n"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=False,  # noqa: S701 - prompts are not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"percent": lambda share: f"{100 * share:.0f} %", "pair": pair}
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return environment


def pair(weight: Weight) -> str:
    """A token pair with its weight, in the paper's notation.

    >>> pair(Weight(" her", 3, " her", 3, 0.7291))
    "' her'[3] -> ' her'[3] (0.73)"
    """
    predicted = "" if weight.predicted is None else f", {weight.predicted:.2f}"
    return (
        f"{weight.query!r}[{weight.query_place}] -> {weight.key!r}[{weight.key_place}] ({weight.true:.2f}{predicted})"
    )


def templates() -> dict[str, str]:
    """The text of every template, by name."""
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.j2"))}


@lru_cache(maxsize=1)
def template_hashes() -> dict[str, str]:
    """SHA-256 of every template, by name."""
    return {name: sha256_text(text) for name, text in templates().items()}
