"""MLflow's server as a process that ends with the one that started it: ``python -m ... PARENT ui ...``."""

import os
import signal
import sys

from mlflow.cli import cli

from attention_programs.untrusted.sandbox.linux import die_with_parent


def main(parent: int, arguments: list[str]) -> None:
    """Runs a command of MLflow, which passes the signal on to the processes that it starts."""
    if sys.platform == "linux":  # elsewhere a parent that is killed outright leaves it running
        die_with_parent(by=signal.SIGTERM)
    if os.getppid() == parent:  # else it ended before the kernel knew
        cli(arguments, prog_name="mlflow")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
