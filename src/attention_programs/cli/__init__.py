"""The command line: one subcommand per task."""

from attention_programs.cli import heads, language_model, models, profiles, programs, records, seeds, tracing  # noqa: F401 - importing them adds their commands
from attention_programs.cli.app import run as main

__all__ = ["main"]
