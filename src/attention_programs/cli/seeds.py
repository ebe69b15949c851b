"""The command that repeats the search with several seeds."""

from typing import Annotated

import typer

from attention_programs.cli.app import Directory, command, root_of


@command("seeds", "repeat the whole search with several seeds", "seeds", "seeds --profile full --count 3")
def seeds(
    profile: Annotated[str, typer.Option(help="name of a file in conf/profile")] = "smoke",
    count: Annotated[int, typer.Option(min=2, help="number of seeds, from 0")] = 5,
    project: Directory = None,
) -> None:
    """Repeats splitting of texts, search, scoring and selection for each seed, and writes results/seeds.csv.

    About a minute and a half for each seed of the profile smoke on two cores. The profile's model must have been
    fetched, as `reproduce` does. Nothing of the profile itself changes.
    """
    from attention_programs.project.seeds import measure_seeds

    root = root_of(project)
    target = root / "results" / "seeds.csv"
    measure_seeds(root, profile, count, target)
    print(f"written: {target.relative_to(root)}; `attention-programs summary --write` updates the docs")
