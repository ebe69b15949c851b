"""Commands that have a language model write programs."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from attention_programs.cli.app import Directory, HeadName, Project, command


@command("prompt", "show a head's prompt", "prompt L5H1", "prompt L5H1 --whole")
def prompt(
    head: HeadName,
    whole: Annotated[bool, typer.Option("--whole", help="include the rules, vocabulary and worked examples")] = False,
    project: Directory = None,
) -> None:
    """Prints the first prompt that the language model gets for a head."""
    from attention_programs.llm.session import open_session

    opened = Project.open(project, compute=True)
    with open_session(opened.config, opened.paths) as session:
        written = session.explainer.first_prompt(session.selected_head(head))
    for message in written.messages if whole else written.messages[-1:]:
        print(f"--- {message['role']}\n{message['content']}")
    print(f"about {written.tokens} of at most {opened.config.explainer.prompt_tokens} tokens", file=sys.stderr)


@command(
    "synthesize",
    "have a language model write programs",
    "synthesize --heads L5H1,L10H4 --model gpt-4.1-mini",
    "synthesize --heads L5H1 --model local --base-url http://127.0.0.1:8080/v1",
    "synthesize --model o4-mini --max-completion-tokens 4000 \\\n"
    "      --max-completion-tokens-name max_completion_tokens --leave-out temperature",
    "synthesize --export-batch requests.jsonl",
    "synthesize --import-batch replies.jsonl",
)
def synthesize(
    heads: Annotated[
        str | None, typer.Option(help="comma-separated names, 'all' or 'every K'; default: explainer.heads")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="the endpoint's name for the model; default: explainer.model")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="URL of an OpenAI-compatible endpoint; default: explainer.base_url")
    ] = None,
    refinements: Annotated[int | None, typer.Option(help="rounds of revision")] = None,
    max_completion_tokens: Annotated[
        int | None, typer.Option(help="maximum tokens per reply, including reasoning")
    ] = None,
    max_completion_tokens_name: Annotated[
        Literal["max_tokens", "max_completion_tokens"] | None,
        typer.Option(help="the endpoint's name for that limit; default: explainer.max_completion_tokens_name"),
    ] = None,
    leave_out: Annotated[
        str | None, typer.Option(metavar="NAMES", help="parameters the endpoint rejects: temperature, seed or both")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="stop before exceeding this many tokens")] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(help="stop before exceeding this cost, at explainer.price_prompt and price_reply"),
    ] = None,
    export_batch: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write the requests to a file and send nothing")
    ] = None,
    import_batch: Annotated[Path | None, typer.Option(metavar="FILE", help="first read the replies of a batch")] = None,
    project: Directory = None,
) -> None:
    """Asks a language model for programs for heads, scores them, and asks for revisions.

    Every reply is saved at once in library/exchanges: an interrupted run resumes without paying twice, and
    `dvc repro` reads the programs from there. The API key is read from the environment variable named by
    explainer.key_variable.
    """
    from attention_programs.llm.command import run, with_options
    from attention_programs.tracking.mlflow_store import traced

    opened = Project.open(project, compute=True)
    settings = with_options(
        opened.config.explainer,
        heads=heads,
        model=model,
        base_url=base_url,
        refinements=refinements,
        max_completion_tokens=max_completion_tokens,
        max_completion_tokens_name=max_completion_tokens_name,
        leave_out=leave_out,
        max_tokens=max_tokens,
        max_cost=max_cost,
    )
    config = replace(opened.config, explainer=settings)
    with traced(opened.root):
        run(config, opened.paths, import_batch, export_batch)
