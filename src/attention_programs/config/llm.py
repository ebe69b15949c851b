"""Settings of the language model that writes programs."""

from typing import Literal

from pydantic import StrictInt

from attention_programs.config.bounds import Above0, Count, Heads, NotNegative, Positive, Several, settings

ExplainerMode = Literal["off", "replay", "live"]
ExplainerFormat = Literal["vocabulary", "paper"]


@settings
class ExplainerSettings:
    """The language model that writes programs, and how it is prompted."""

    mode: ExplainerMode = "replay"
    """``replay`` takes every reply from the recorded calls and fails if one is missing; ``live`` requests missing
    ones; ``off`` uses no language model."""
    call_log: str = "library/exchanges"
    """Folder of recorded calls (``*.jsonl``); live ones go to the file named after the model."""
    model: str = "qwen2.5-coder-1.5b-instruct"
    """The endpoint's name for the model."""
    quantization: str = ""
    """Quantization of its weights, for the record; empty if the endpoint does not report it."""
    file_sha256: str = ""
    """Hash of its weights file, for the record."""
    base_url: str = "https://api.openai.com/v1"
    """Address of an OpenAI-compatible endpoint."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; an endpoint on this machine needs none."""
    heads: Heads = "every 4"
    """Selected heads to ask about: ``all``, ``every K``, or names."""
    format: ExplainerFormat = "vocabulary"
    """``vocabulary`` asks for sums of vocabulary terms, ``paper`` for free NumPy functions as in the paper."""
    programs: Positive = 2
    """Programs requested per reply."""
    refinements: Count = 1
    """Rounds of revision after the first programs; 1 in the paper."""
    texts: Several = 48
    """Training texts: half are for prompts, half for evaluating revisions."""
    excerpts: Positive = 2
    """Texts whose weights a prompt lists."""
    max_weights: Positive = 8
    """Maximum number each of patterns, weights of a text, and unexplained weights in a prompt."""
    prompt_tokens: Positive = 4000
    """Maximum length of a prompt, in tokens."""
    tokenizer: str = ""
    """Folder of the explainer's tokenizer, for exact counts; if empty, an upper estimate is used."""
    max_completion_tokens: Positive = 400
    """Maximum length of a reply, in tokens, including reasoning."""
    max_completion_tokens_name: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The endpoint's name for that limit."""
    temperature: NotNegative = 0.5
    """Sampling temperature; 0 is greedy."""
    seed: StrictInt = 0
    """Sampling seed, if the endpoint supports it."""
    leave_out: tuple[Literal["temperature", "seed"], ...] = ()
    """Parameters (``temperature``, ``seed``) that are not sent, for endpoints that reject them."""
    concurrency: Positive = 4
    """Maximum number of concurrent calls."""
    attempts: Positive = 5
    """How often a call is tried if the endpoint is busy or failing."""
    timeout_seconds: Above0 = 120.0
    """Longest wait for a reply, or before a retry that the endpoint asks for."""
    max_tokens: Count = 0
    """Limit on the prompt and reply tokens of one run; 0 is none."""
    max_cost: NotNegative = 0.0
    """Limit on the cost of one run; 0 is none."""
    price_prompt: NotNegative = 0.0
    """Per million prompt tokens, in any currency."""
    price_reply: NotNegative = 0.0
    """Per million reply tokens."""
    fit_evaluations: Count = 120
    """Evaluations to fit the coefficients of a program; 0 leaves them as written."""
    fit_texts: Positive = 12
    """Training texts for that fit."""
