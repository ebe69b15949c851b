"""Prompt templates in MLflow's prompt registry, and the calls that programs came from."""

from collections.abc import Iterable
from pathlib import Path

from mlflow.entities import Metric

from attention_programs.files import sha256_text, write_text
from attention_programs.llm.call_log import Call
from attention_programs.llm.prompts import templates
from attention_programs.programs.record import ProgramRecord
from attention_programs.tracking.measurements import to_metrics

PREFIX = "attention-programs"


def register_prompts() -> dict[str, int]:
    """Registers every template that differs from the registry's latest version; needs an open store.

    Returns:
        The version of each template, by its name in the registry.
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


def calls_of(program: ProgramRecord, log: dict[str, Call]) -> list[Call]:
    """The calls that a program came from, one per head that it was written for."""
    keys = program.provenance.get("calls", {})
    return [log[key] for key in dict.fromkeys(keys.values()) if key in log]


def write_calls(calls: Iterable[Call], folder: Path) -> None:
    """Writes prompts and replies as readable Markdown files."""
    for call in calls:
        stem = f"{call.request.head}-round-{call.request.round}"
        asked = "\n\n".join(f"## {m['role']}\n\n{m['content']}" for m in call.request.messages)
        write_text(folder / f"prompts/{stem}.md", asked + "\n")
        write_text(folder / f"replies/{stem}.md", call.reply + "\n")


def call_metrics(program: ProgramRecord, calls: Iterable[Call]) -> list[Metric]:
    """A program's scores at each step, and the tokens and cost of its calls."""
    known = list(calls)
    coefficients = program.provenance.get("coefficients", {})
    return to_metrics(
        {
            **{name: program.provenance[name] for name in ("jsd_train", "iou_train") if name in program.provenance},
            **{f"constants_{name}": coefficients[name] for name in ("iou_before", "iou_after") if name in coefficients},
            "prompt_tokens": sum(call.usage.prompt for call in known),
            "completion_tokens": sum(call.usage.reply for call in known),
            "cost": sum(call.cost for call in known),
        }
    )
