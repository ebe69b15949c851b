"""The model card of a crate, in Markdown."""

from attention_programs.surrogate.specification import SurrogateSpecification
from attention_programs.tracking.lookup import SurrogateInfo

CAVEATS = """\
- It was validated on texts of at most {max_tokens} tokens; on longer ones its programs are used beyond what they were
  fitted to.
- The increase in perplexity is that on the texts of this profile. On other texts it can be several times as large.
- A program that fits a head's attention does not thereby say what the head is for: IoU predicts the effect of replacing
  a head only in part, and much of it is attention to the first token.
- Wrong programs recover part of the loss, too, once their coefficients are refitted: see results/controls.csv, if the
  profile has controls.
- The paper (arXiv 2606.19317) chose programs and reported their IoU on the same five sentences, and replaced outputs
  behind the output projection. Here attention weights are replaced, and what is reported was measured on texts that
  chose nothing. Its figures and these can't be compared directly.
- The weights are not part of the crate. They are fetched from their source, and their hash is checked.
"""
"""What a reader must know; ``{max_tokens}`` is filled in."""


def card(info: SurrogateInfo, specification: SurrogateSpecification) -> str:
    """The card: what was replaced, how well it does, what to know, and how to use it."""
    rows = [
        f"| {head} | `{program.id[:12]}` | {program.name} | {program.description.replace('|', '/')} |"
        for head, program in sorted(info.assignment.items())
    ]
    lines = [
        f"# {info.name}, version {info.version}",
        "",
        *info.description.splitlines(),
        "",
        "## The model",
        "",
        f"{specification.model}, weights with SHA-256 `{specification.weights_sha256}`.",
        "",
        "## What to know",
        "",
        CAVEATS.format(max_tokens=specification.max_tokens),
        "## How to use it",
        "",
        "```",
        "attention-programs init somewhere && cd somewhere",
        f"attention-programs import PATH/TO/{info.name}.zip",
        f"attention-programs surrogate info {info.name.removeprefix('surrogate-')} --verify",
        "```",
        "",
        "## Replaced heads",
        "",
        "| head | program | name | what it does |",
        "|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"
