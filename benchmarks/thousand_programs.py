"""A thousand programs on five hundred texts through the sandbox: time, memory, and what is left behind.

Run by ``python -m benchmarks.thousand_programs [PROGRAMS]``; kill it and run it again, and it goes on.
"""

import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from attention_programs.config import SandboxSettings
from attention_programs.models.token_style import TokenStyle
from attention_programs.programs.record import make_record
from attention_programs.programs.run_result import Scored
from attention_programs.programs.view import TokenView
from attention_programs.untrusted.execution import SandboxRunner
from benchmarks.synthetic import synthetic_programs, synthetic_texts

TEXTS, LONGEST = 500, 64
FOLDER = Path(tempfile.gettempdir()) / "thousand-programs"


def servers() -> int:
    """Processes of the sandbox on this machine."""
    lines = [folder / "cmdline" for folder in Path("/proc").glob("[0-9]*")]
    return sum(b"sandbox.server" in line.read_bytes() for line in lines if line.exists())


def main() -> None:
    """Runs the programs, counts the outcomes, removes what was stored."""
    generator = np.random.default_rng(0)
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    programs = [
        make_record(program.source, f"synthetic {number}", "imported", "prefix_only", [], {})
        for number, program in enumerate(synthetic_programs(wanted, generator))
    ]
    programs = list({program.id: program for program in programs}.values())
    views = [TokenView(text.ids, text.token_strings) for text in synthetic_texts(TEXTS, LONGEST, generator)]
    found = len(list(FOLDER.glob("*/*.arrow")))
    start = time.monotonic()
    with SandboxRunner(SandboxSettings(), 2, TokenStyle("byte-level")) as runner:
        finished = runner.finish(programs, views, FOLDER)
        ran = time.monotonic() - start
        size = sum(file.stat().st_size for file in FOLDER.glob("*/*.arrow")) / 2**20
        counts: Counter[str] = Counter()
        for view in views:
            outcomes = finished.outcomes(programs, view)
            counts.update("scored" if isinstance(o, Scored) else str(o.reason) for o in outcomes)
        finished.remove()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(programs)} programs x {TEXTS} texts of 8 to {LONGEST} tokens; {found} were finished before")
    print(f"{ran:.1f} s to run, {time.monotonic() - start - ran:.1f} s to read {size:.0f} MiB back; {dict(counts)}")
    print(f"peak memory {peak:.0f} MiB; left behind: {servers()} processes, {len(list(FOLDER.glob('**/*')))} files")


if __name__ == "__main__":
    main()
