"""Prompt templates in MLflow's Prompt Registry, and the exchanges that programs came from."""

from collections.abc import Iterable
from pathlib import Path

from mlflow.entities import Metric

from attention_programs.files import sha256_text, write_text
from attention_programs.llm.exchanges import Exchange, read_log
from attention_programs.llm.prompts import templates
from attention_programs.programs.table import ProgramRecord
from attention_programs.tracking.measurements import to_metrics

PREFIX = "attention-programs"


def register_prompts() -> dict[str, int]:
    """Registers every template whose text is not the registry's latest; inside an open store.

    Returns:
        The version of each template, by name in the registry.
    """
    import mlflow.genai  # takes seconds

    versions = {}
    for file, text in templates().items():
        name = f"{PREFIX}.{file.removesuffix('.md.j2')}"
        digest = sha256_text(text)
        latest = mlflow.genai.load_prompt(f"prompts:/{name}@latest", allow_missing=True)
        if latest is None or latest.tags.get("sha256") != digest:
            message = f"{file}, SHA-256 {digest[:12]}"
            latest = mlflow.genai.register_prompt(name, text, commit_message=message, tags={"sha256": digest})
        versions[name] = int(latest.version)
    return versions


def exchanges_of(program: ProgramRecord, log: dict[str, Exchange]) -> list[Exchange]:
    """The exchanges that a program came from, one for each head that it was written for."""
    keys = program.provenance.get("exchanges", {})
    return [log[key] for key in dict.fromkeys(keys.values()) if key in log]


def answered_by_key(folder: Path) -> dict[str, Exchange]:
    """All answered exchanges of a folder."""
    return {exchange.key: exchange for exchange in read_log(folder) if exchange.status == "answered"}


def write_exchanges(exchanges: Iterable[Exchange], folder: Path) -> None:
    """Writes what was asked and what was answered, as people read it."""
    for exchange in exchanges:
        stem = f"{exchange.request.head}-round-{exchange.request.round}"
        asked = "\n\n".join(f"## {m['role']}\n\n{m['content']}" for m in exchange.request.messages)
        write_text(folder / f"prompts/{stem}.md", asked + "\n")
        write_text(folder / f"replies/{stem}.md", exchange.reply + "\n")


def exchange_metrics(program: ProgramRecord, exchanges: Iterable[Exchange]) -> list[Metric]:
    """A program's scores at each step, and what its exchanges took."""
    known = list(exchanges)
    constants = program.provenance.get("constants", {})
    return to_metrics(
        {
            **{name: program.provenance[name] for name in ("jsd_train", "iou_train") if name in program.provenance},
            **{f"constants_{name}": constants[name] for name in ("iou_before", "iou_after") if name in constants},
            "prompt_tokens": sum(exchange.usage.prompt for exchange in known),
            "reply_tokens": sum(exchange.usage.reply for exchange in known),
            "cost": sum(exchange.cost for exchange in known),
        }
    )
