"""MLflow's server as a process that ends with its parent: ``python -m ... PARENT ui ...``."""

import os
import signal
import sys

from mlflow.cli import cli

from attention_programs.untrusted.sandbox.linux import die_with_parent


def main(parent: int, arguments: list[str]) -> None:
    """Runs an MLflow command, which forwards the signal to the processes that it starts."""
    if sys.platform == "linux":  # on other systems it keeps running if the parent is killed
        die_with_parent(by=signal.SIGTERM)
    if os.getppid() == parent:  # otherwise the parent ended before the call above
        cli(arguments, prog_name="mlflow")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
