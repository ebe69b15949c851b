"""Programs by a language model."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from attention_programs.cli.app import Directory, HeadName, Project, command


@command("prompt", "what the language model is told of a head", "prompt L5H1", "prompt L5H1 --whole")
def prompt(
    head: HeadName,
    whole: Annotated[bool, typer.Option("--whole", help="with rules, vocabulary and worked examples in front")] = False,
    project: Directory = None,
) -> None:
    """Prints what the language model is first told of a head, and asked."""
    from attention_programs.llm.session import open_session

    opened = Project.open(project, compute=True)
    with open_session(opened.config, opened.paths) as session:
        written = session.explainer.first_prompt(session.selected_head(head))
    for message in written.messages if whole else written.messages[-1:]:
        print(f"--- {message['role']}\n{message['content']}")
    print(f"about {written.tokens} tokens of {opened.config.explainer.prompt_tokens}", file=sys.stderr)


@command(
    "synthesize",
    "programs written by a language model",
    "synthesize --heads L5H1,L10H4 --model gpt-4.1-mini",
    "synthesize --heads L5H1 --model local --base-url http://127.0.0.1:8080/v1",
    "synthesize --model o4-mini --max-completion-tokens 4000 \\\n"
    "      --max-completion-tokens-name max_completion_tokens --leave-out temperature",
    "synthesize --export-batch requests.jsonl",
    "synthesize --import-batch replies.jsonl",
)
def synthesize(
    heads: Annotated[
        str | None, typer.Option(help="names with commas between, all, or every K; explainer.heads if not given")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="name of the model at the endpoint; explainer.model if not given")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="address of an OpenAI-compatible endpoint; explainer.base_url if not given")
    ] = None,
    refinements: Annotated[int | None, typer.Option(help="rounds of revision")] = None,
    max_completion_tokens: Annotated[
        int | None, typer.Option(help="most tokens of a reply, reasoning included")
    ] = None,
    max_completion_tokens_name: Annotated[
        Literal["max_tokens", "max_completion_tokens"] | None,
        typer.Option(help="what the endpoint calls that bound; explainer.max_completion_tokens_name if not given"),
    ] = None,
    leave_out: Annotated[
        str | None, typer.Option(metavar="NAMES", help="temperature, seed or both: what the endpoint refuses")
    ] = None,
    max_tokens: Annotated[int | None, typer.Option(help="stop before this many tokens")] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(help="stop before this cost, by explainer.price_prompt and price_reply"),
    ] = None,
    export_batch: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write what is to be asked, ask nothing")
    ] = None,
    import_batch: Annotated[Path | None, typer.Option(metavar="FILE", help="read the replies of a batch first")] = None,
    project: Directory = None,
) -> None:
    """Has a language model write programs for heads, tries them, and has each revised.

    Every reply is kept in library/exchanges at once: a run that was stopped goes on without paying twice, and
    `dvc repro` takes the programs from there. The key is read from the environment variable that
    explainer.key_variable names.
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
