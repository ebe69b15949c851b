"""Running one stage of the pipeline: settings in, one clear line on bad input, time and memory at the end."""

import os
import resource
import sys
import time
from collections.abc import Callable

from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.paths import Paths

BAD_INPUT = 2
"""Exit code for input that a person can mend."""


def run_stage(name: str, work: Callable[[Config, Paths], None]) -> None:
    """Runs ``work`` with the settings of ``params.yaml`` and exits with 2 on bad input."""
    start = time.monotonic()
    try:
        config = load_config()
        prepare_process(config)
        work(config, Paths.of(config))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print("stopped; finished parts are kept and `dvc repro` goes on from there", file=sys.stderr)
        sys.exit(130)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"stage {name}: {time.monotonic() - start:.0f} s, peak memory {peak:.1f} GiB", file=sys.stderr)


def prepare_process(config: Config) -> None:
    """Sets the thread count of numerical libraries and keeps tools from calling out."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(config.threads)
