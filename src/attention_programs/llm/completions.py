"""Reading what an endpoint answers, which may be anything that is JSON: the text of the reply, why it ended, tokens."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attention_programs.files import whole_characters
from attention_programs.llm.tokens import estimate_tokens

REFUSAL = "refusal"
REASONING = "reasoning"
"""Why a reply ended whose tokens were used up before the model began to answer."""
_CUT = ("length", "max_tokens")
"""What endpoints call the end of a reply that was cut off."""
_SPOKEN = ("text", "output_text")
"""Types of the chunks of a reply that are meant for the reader; others hold thoughts, tools, sources."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, as the endpoint counts them."""

    prompt: int = 0
    reply: int = 0
    estimated: bool = False
    """Whether the endpoint did not count, or gave a count that can't be true."""

    @property
    def total(self) -> int:
        """Both."""
        return self.prompt + self.reply


NO_TOKENS = Usage()


@dataclass(frozen=True)
class Answer:
    """A reply, as far as it can be read."""

    reply: str
    finish_reason: str
    """``stop`` or ``length`` as the endpoint says, ``refusal``, or ``reasoning``."""
    usage: Usage


def read_json(text: str) -> Any:
    """JSON of an endpoint; half characters, which no file can hold, become U+FFFD.

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
        ValueError: if it holds no reply; the message says what is missing.
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
    """The text of a message's content, which is a text or a list of chunks.

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
    """Whether the model has thought: endpoints show the thoughts, or count them."""
    details = usage.get("completion_tokens_details") if isinstance(usage, Mapping) else None
    counted = details.get("reasoning_tokens") if isinstance(details, Mapping) else None
    return bool(message.get("reasoning_content") or message.get("reasoning") or counted)


def read_usage(body: Mapping[str, Any], messages: Sequence[Mapping[str, str]], text: str) -> Usage:
    """What an answer with this text says of its tokens; see :func:`usage_of`."""
    counts = body.get("usage")
    counts = counts if isinstance(counts, Mapping) else {}
    return usage_of(counts.get("prompt_tokens"), counts.get("completion_tokens"), messages, text)


def usage_of(prompt: Any, reply: Any, messages: Sequence[Mapping[str, str]], text: str) -> Usage:
    """Tokens by the endpoint's counts; one that is missing or can't be true is estimated, from above.

    >>> usage_of(-10, 2, [{"role": "user", "content": "Which tokens?"}], "The first.")
    Usage(prompt=3, reply=2, estimated=True)
    """
    asked = estimate_prompt(messages)
    answered = estimate_tokens(text)
    known = [_is_count(prompt, asked), _is_count(reply, answered)]
    return Usage(int(prompt) if known[0] else asked, int(reply) if known[1] else answered, not all(known))


def estimate_prompt(messages: Sequence[Mapping[str, str]]) -> int:
    """Tokens of all messages, from above."""
    return sum(estimate_tokens(message["content"]) for message in messages)


def _is_count(value: Any, estimate: int) -> bool:
    """Whether a value can be the number of tokens of a text that has about so many."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value == value // 1 and value >= min(estimate, 1)
