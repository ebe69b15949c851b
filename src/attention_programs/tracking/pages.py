"""MLflow's own pages on the local store."""

import os
import subprocess
import sys
from pathlib import Path

from attention_programs.tracking.artifact_store import ROOT_VARIABLE
from attention_programs.tracking.store import DATABASE, open_store


def serve(root: Path, experiment: str, port: int) -> None:
    """Serves MLflow's pages until stopped, after printing where the runs of an experiment are.

    Raises:
        UserError: if nothing was published yet.
    """
    with open_store(root) as store:
        number = store.experiment(experiment)
    print(f"runs:     http://127.0.0.1:{port}/#/experiments/{number}/runs")
    print(f"registry: http://127.0.0.1:{port}/#/models", flush=True)
    address = f"sqlite:///{root / DATABASE}"
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", address, "--workers", "1"]
    environment = {**os.environ, ROOT_VARIABLE: str(root)}
    subprocess.run([*command, "--host", "127.0.0.1", "--port", str(port)], cwd=root, env=environment, check=False)
