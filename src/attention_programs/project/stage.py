"""Running one pipeline stage: reads settings, reports bad input in one line, prints time and memory."""

import ctypes
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from attention_programs.config import Config, load_config
from attention_programs.errors import UserError
from attention_programs.files import MORE_SPACE, is_full_disk
from attention_programs.memory import LESS_MEMORY, is_shortage
from attention_programs.paths import Paths
from attention_programs.renamed import warned_in_a_line

BAD_INPUT = 2
"""Exit code for errors that users can fix."""
KEEP_FREED = {-3: 1 << 28, -1: (1 << 31) - 1}
"""Options of glibc's mallopt: M_MMAP_THRESHOLD (larger arrays are mapped separately, and leave no holes that the
next ones do not fit into), M_TRIM_THRESHOLD (kept size)."""


def run_stage(name: str, work: Callable[[Config, Paths], None]) -> None:
    """Runs ``work`` with the settings of ``params.yaml`` and exits with 2 on bad input or too little memory."""
    start = time.monotonic()
    try:
        root = Path()  # DVC starts every stage in the project's folder
        with warned_in_a_line():
            config = load_config(root / "params.yaml")
        prepare_process(config)
        work(config, Paths.of(config, root))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        print("stopped; finished parts are kept, and `dvc repro` resumes from there", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if is_full_disk(error):
            print(f"error: stage {name} can't go on ({error}); {MORE_SPACE}", file=sys.stderr)
        elif is_shortage(error):
            print(f"error: stage {name} ran out of memory ({error}); {LESS_MEMORY}", file=sys.stderr)
        else:
            raise
        sys.exit(BAD_INPUT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"stage {name}: {time.monotonic() - start:.0f} s, peak memory {peak:.1f} GiB", file=sys.stderr)


def prepare_process(config: Config) -> None:
    """Prepares this process for computing: sets the number of threads and keeps freed memory for reuse."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    torch.set_num_threads(config.threads)
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Makes the C library keep freed memory for the next array instead of returning it to the system.

    Large arrays come and go at every step of a fit; mapping and clearing their pages again takes a quarter of its time.

    Returns:
        Whether the C library supports this, as glibc does.
    """
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    return tell is not None and all(tell(option, value) for option, value in KEEP_FREED.items())
