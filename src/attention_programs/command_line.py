"""What a person may write on the command line."""

import argparse
from collections.abc import Callable, Mapping

from attention_programs import __version__

Command = Callable[[argparse.Namespace], None]


def make_parser(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The parser; what it reads holds the command itself as ``run``.

    Args:
        commands: What each subcommand does, by name; its docstring is the subcommand's description.
    """
    parser = argparse.ArgumentParser(
        prog="attention-programs",
        description="Attention heads as programs: look at them, check them, reproduce them.",
        epilog="Start with `make reproduce-paper`, then `attention-programs heads` and `attention-programs show L5H1`.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, help_text: str, examples: str) -> argparse.ArgumentParser:
        command = subparsers.add_parser(
            name,
            help=help_text,
            description=commands[name].__doc__,
            epilog=f"examples:\n{examples}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=commands[name])
        return command

    one = add(
        "show",
        "a head: program, scores, tokens, maps",
        '  attention-programs show L5H1\n  attention-programs show L5H1 --text "The cat sat." --html head.html',
    )
    one.add_argument("head", help="head name, like L5H1")
    one.add_argument("--method", default="selected", help="whose program: selected, search, curated or a baseline")
    one.add_argument("--text", default="", help="a text of your own; the first test text if not given")
    one.add_argument("--html", default="", metavar="FILE", help="also write a page")

    table = add(
        "heads",
        "all heads with their programs",
        "  attention-programs heads --sort iou --limit 20\n  attention-programs heads --method first_token",
    )
    table.add_argument("--method", default="selected", help="whose programs: selected, search, curated or a baseline")
    table.add_argument("--sort", choices=["name", "iou"], default="name", help="order of the lines")
    table.add_argument("--limit", type=int, default=0, help="most lines; 0 for all")

    example = (
        "examples:\n  attention-programs surrogate info smollm2-135m@latest-validated\n"
        "  attention-programs surrogate info smollm2-135m --verify"
    )
    plain = argparse.RawDescriptionHelpFormatter
    surrogate = subparsers.add_parser(
        "surrogate", help="registered surrogate models", epilog=example, formatter_class=plain
    )
    inner = surrogate.add_subparsers(dest="action", required=True, metavar="ACTION")
    info = inner.add_parser(
        "info", help="which heads are replaced, with what result", epilog=example, formatter_class=plain
    )
    info.add_argument("name", help="NAME, NAME@ALIAS or NAME/VERSION")
    info.add_argument("--verify", action="store_true", help="measure its recorded test texts again, with the model")
    info.set_defaults(run=commands["surrogate info"])

    check = add(
        "validate",
        "check settings, corpora and programs",
        "  attention-programs validate\n  attention-programs validate corpora/mine.jsonl library/curated/mine.py",
    )
    check.add_argument(
        "files", nargs="*", help="corpus (.jsonl), program (.py) or settings (.yaml); all of the project"
    )

    take = add(
        "import",
        "programs from a file of somebody else's",
        "  attention-programs import gpt2_programs.py --form paper\n  attention-programs import mine.py --form view\n"
        "  attention-programs import llama_programs.py --helpers helpers.py",
    )
    take.add_argument("file", help="a Python file; it runs in the sandbox alone")
    take.add_argument(
        "--form",
        choices=["paper", "view"],
        default="paper",
        help="functions f(sentence, tokenizer) -> (name, matrix) with their helpers, or one function program(text)",
    )
    take.add_argument(
        "--helpers",
        default="",
        metavar="FILE",
        help="a Python file of functions that the programs use and theirs lacks",
    )
    take.add_argument("--replace", action="store_true", help="write over an earlier import of the same name")

    terms = add(
        "vocabulary",
        "the terms that programs speak",
        "  attention-programs vocabulary | less\n  attention-programs vocabulary --term secondary_sink",
    )
    terms.add_argument("--term", default="", metavar="NAME", help="all about one term, with an example")

    ask = add(
        "synthesize",
        "programs written by a language model",
        "  attention-programs synthesize --heads L5H1,L10H4 --model gpt-4.1-mini\n"
        "  attention-programs synthesize --heads L5H1 --model local --base-url http://127.0.0.1:8080/v1\n"
        "  attention-programs synthesize --model o4-mini --reply-tokens 4000 \\\n"
        "      --reply-tokens-name max_completion_tokens --leave-out temperature\n"
        "  attention-programs synthesize --export-batch requests.jsonl\n"
        "  attention-programs synthesize --import-batch replies.jsonl",
    )
    ask.add_argument("--heads", help="names with commas between, all, or every K; explainer.heads if not given")
    ask.add_argument("--model", help="name of the model at the endpoint; explainer.model if not given")
    ask.add_argument("--base-url", help="address of an OpenAI-compatible endpoint; explainer.base_url if not given")
    ask.add_argument("--refinements", type=int, help="rounds of revision")
    ask.add_argument("--reply-tokens", type=int, help="most tokens of a reply, reasoning included")
    ask.add_argument(
        "--reply-tokens-name",
        choices=["max_tokens", "max_completion_tokens"],
        help="what the endpoint calls that bound; explainer.reply_tokens_name if not given",
    )
    ask.add_argument("--leave-out", metavar="NAMES", help="temperature, seed or both: what the endpoint refuses")
    ask.add_argument("--most-tokens", type=int, help="stop before this many tokens")
    ask.add_argument("--most-cost", type=float, help="stop before this cost, by explainer.price_prompt and price_reply")
    ask.add_argument("--export-batch", default="", metavar="FILE", help="write what is to be asked, ask nothing")
    ask.add_argument("--import-batch", default="", metavar="FILE", help="read the replies of a batch first")

    told = add(
        "prompt",
        "what the language model is told of a head",
        "  attention-programs prompt L5H1\n  attention-programs prompt L5H1 --whole",
    )
    told.add_argument("head", help="head name, like L5H1")
    told.add_argument("--whole", action="store_true", help="with rules, vocabulary and worked examples in front")

    by_hand = add(
        "try",
        "a program of your own on a head",
        "  attention-programs try mine.py L5H1\n  attention-programs try mine.py L5H1 --fit 200",
    )
    by_hand.add_argument("file", help="a Python file with one function program(text)")
    by_hand.add_argument("head", help="head name, like L5H1")
    by_hand.add_argument("--fit", type=int, default=0, metavar="N", help="fit its numbers in N evaluations")

    choose = add("configure", "make a profile the current one", "  attention-programs configure smoke")
    choose.add_argument("profile", help="a file name of conf/profile")

    run = add(
        "reproduce",
        "run a whole profile",
        "  attention-programs reproduce\n  attention-programs reproduce --profile smoke --restore",
    )
    run.add_argument("--profile", default="", help="a file name of conf/profile; the current settings if not given")
    run.add_argument("--restore", action="store_true", help="put params.yaml and dvc.lock back afterwards")

    short = add("summary", "the main numbers", "  attention-programs summary\n  attention-programs summary --write")
    short.add_argument(
        "--write", action="store_true", help="write the tables of README and docs from what results hold"
    )

    pages = add("ui", "MLflow's pages on the local store", "  attention-programs ui --port 5001")
    pages.add_argument("--host", default="127.0.0.1", help="address to serve at; this machine alone if not given")
    pages.add_argument("--port", type=int, default=5000, help="port to serve at")

    add("publish", "write the current results to MLflow", "  attention-programs publish")

    again = add(
        "check-reproducibility",
        "rerun in a fresh clone and compare",
        "  attention-programs check-reproducibility --profile smoke",
    )
    again.add_argument("--profile", default="full", help="a file name of conf/profile")
    return parser
