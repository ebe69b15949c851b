"""The settings of the language model that writes programs."""

from typing import Literal

from pydantic import StrictInt

from attention_programs.config.bounds import Above0, Count, Heads, NotNegative, Positive, Several, settings

ExplainerMode = Literal["off", "replay", "live"]
ExplainerForm = Literal["vocabulary", "paper"]


@settings
class ExplainerSettings:
    """The language model that writes programs, and how it is asked."""

    mode: ExplainerMode = "replay"
    """``replay`` takes every reply from the recorded calls and fails where one is missing; ``live`` asks for what
    is missing; ``off`` does without."""
    call_log: str = "library/exchanges"
    """Folder of recorded calls (``*.jsonl``); live ones go to the file named after the model."""
    model: str = "qwen2.5-coder-1.5b-instruct"
    """The model's name, as the endpoint knows it."""
    quantization: str = ""
    """How its weights are stored, for the record; empty where the endpoint does not tell."""
    file_sha256: str = ""
    """Hash of its file, for the record."""
    base_url: str = "https://api.openai.com/v1"
    """Address of an OpenAI-compatible endpoint."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; an endpoint on this machine needs none."""
    heads: Heads = "every 4"
    """Selected heads to ask about: ``all``, ``every K``, or names."""
    form: ExplainerForm = "vocabulary"
    """``vocabulary`` asks for sums of vocabulary terms, ``paper`` for free NumPy functions as in the paper."""
    programs: Positive = 2
    """Programs asked for in a reply."""
    refinements: Count = 1
    """Rounds of revision after the first programs; the paper has 1."""
    texts: Several = 48
    """Training texts: half make prompts, half judge revisions."""
    excerpts: Positive = 2
    """Texts whose weights a prompt lists."""
    max_weights: Positive = 8
    """Patterns, weights of a text, and unexplained weights that a prompt lists at most."""
    prompt_tokens: Positive = 4000
    """Most tokens of a prompt."""
    tokenizer: str = ""
    """Folder of the explainer's tokenizer, to count exactly; empty estimates from above."""
    max_completion_tokens: Positive = 400
    """Most tokens of a reply, reasoning included."""
    max_completion_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the endpoint calls that bound."""
    temperature: NotNegative = 0.5
    """Of sampling: 0 is the likeliest reply."""
    seed: StrictInt = 0
    """Of sampling, where the endpoint heeds it."""
    leave_out: tuple[Literal["temperature", "seed"], ...] = ()
    """``temperature``, ``seed`` or both: what is not sent, for endpoints that refuse it."""
    concurrency: Positive = 4
    """Calls under way at once."""
    attempts: Positive = 5
    """Tries of a call that meets a busy or failing endpoint."""
    timeout_seconds: Above0 = 120.0
    """Longest wait for a reply, and for an endpoint that says when to come back."""
    max_tokens: Count = 0
    """Bound on prompt and reply tokens of one run; 0 is none."""
    max_cost: NotNegative = 0.0
    """Bound on the cost of one run; 0 is none."""
    price_prompt: NotNegative = 0.0
    """Per million prompt tokens, in any currency."""
    price_reply: NotNegative = 0.0
    """Per million reply tokens."""
    fit_evaluations: Count = 120
    """Evaluations in which the coefficients of a program are fitted; 0 leaves them as they were written."""
    fit_texts: Positive = 12
    """Training texts of that fit."""
