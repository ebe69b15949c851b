"""Reading an endpoint's answer, which may be any JSON: the reply's text, why it ended, token counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attention_programs.files import whole_characters
from attention_programs.llm.tokens import estimate_tokens

REFUSAL = "refusal"
REASONING = "reasoning"
"""Finish reason of a reply that used up its tokens before the model began to answer."""
_CUT = ("length", "max_tokens")
"""Endpoints' names for the end of a truncated reply."""
_SPOKEN = ("text", "output_text")
"""Types of chunks that are meant for the reader; others are thoughts, tool calls or sources."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, as counted by the endpoint."""

    prompt: int = 0
    reply: int = 0
    estimated: bool = False
    """Whether the endpoint gave no count, or an impossible one."""

    @property
    def total(self) -> int:
        """Prompt and reply together."""
        return self.prompt + self.reply


NO_TOKENS = Usage()


@dataclass(frozen=True)
class Answer:
    """The readable part of a reply."""

    reply: str
    finish_reason: str
    """``stop`` or ``length`` as reported by the endpoint, ``refusal``, or ``reasoning``."""
    usage: Usage


def read_json(text: str) -> Any:
    """JSON of an endpoint; lone surrogates, which files can't contain, become U+FFFD.

    Raises:
        ValueError: if it is not JSON.
    """
    try:
        return json.loads(whole_characters(json.dumps(json.loads(text), ensure_ascii=False)))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_answer(body: Any, messages: Sequence[Mapping[str, str]]) -> Answer:
    """Reads a chat completion.

    Raises:
        ValueError: if there is no reply; the message says what is missing.
    """
    if not isinstance(body, Mapping):
        raise ValueError("no answer in the form of the interface")
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        raise ValueError("an answer without choices")
    spoken, refusal = spoken_text(message.get("content")), spoken_text(message.get("refusal"))
    usage = read_usage(body, messages, spoken or refusal)
    ended = choice.get("finish_reason")
    finish = ended if isinstance(ended, str) else ""
    if finish.lower() in _CUT:
        finish = "length"
    if refusal and not spoken:
        finish = REFUSAL
    elif finish == "length" and not spoken.strip() and _reasoned(message, body.get("usage")):
        finish = REASONING
    return Answer(spoken or refusal, finish, usage)


def spoken_text(content: Any) -> str:
    """The text of a message's content, which is a string or a list of chunks.

    >>> spoken_text([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "It rests."}])
    'It rests.'
    """
    chunks = content if isinstance(content, list) else [content] if isinstance(content, str) else []
    return "".join(map(_chunk, chunks))


def _chunk(chunk: Any) -> str:
    spoken = isinstance(chunk, Mapping) and chunk.get("type", "text") in _SPOKEN
    text = chunk.get("text") if spoken else chunk
    return whole_characters(text) if isinstance(text, str) else ""


def _reasoned(message: Mapping[str, Any], usage: Any) -> bool:
    details = usage.get("completion_tokens_details") if isinstance(usage, Mapping) else None
    counted = details.get("reasoning_tokens") if isinstance(details, Mapping) else None
    return bool(message.get("reasoning_content") or message.get("reasoning") or counted)


def read_usage(body: Mapping[str, Any], messages: Sequence[Mapping[str, str]], text: str) -> Usage:
    """Token usage of an answer with this text; see :func:`usage_of`."""
    counts = body.get("usage")
    counts = counts if isinstance(counts, Mapping) else {}
    return usage_of(counts.get("prompt_tokens"), counts.get("completion_tokens"), messages, text)


def usage_of(prompt: Any, reply: Any, messages: Sequence[Mapping[str, str]], text: str) -> Usage:
    """Tokens as counted by the endpoint; missing or impossible counts are replaced by an upper estimate.

    >>> usage_of(-10, 2, [{"role": "user", "content": "Which tokens?"}], "The first.")
    Usage(prompt=3, reply=2, estimated=True)
    """
    asked = estimate_prompt(messages)
    answered = estimate_tokens(text)
    known = [_is_count(prompt, asked), _is_count(reply, answered)]
    return Usage(int(prompt) if known[0] else asked, int(reply) if known[1] else answered, not all(known))


def estimate_prompt(messages: Sequence[Mapping[str, str]]) -> int:
    """Upper estimate of the tokens of all messages."""
    return sum(estimate_tokens(message["content"]) for message in messages)


def _is_count(value: Any, estimate: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value == value // 1 and value >= min(estimate, 1)
