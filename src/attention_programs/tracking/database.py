"""MLflow's database file, read without MLflow, whose import takes seconds."""

import contextlib
import sqlite3
from pathlib import Path

from attention_programs.errors import UserError

DATABASE = "mlruns/mlflow.db"
PUBLISH_COMMAND = "attention-programs publish"


def is_whole(database: Path) -> bool:
    """Whether there is a complete store: MLflow writes the first experiment once all tables exist.

    Raises:
        UserError: if the file is not an SQLite database or can't be opened.
    """
    if not database.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'experiments'").fetchall()
            return bool(tables and connection.execute("SELECT 1 FROM experiments LIMIT 1").fetchall())
    except sqlite3.DatabaseError as error:
        raise UserError(f"cannot read {database} ({error}); move it away, then run `{PUBLISH_COMMAND}`") from error
