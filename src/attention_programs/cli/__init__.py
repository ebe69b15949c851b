"""The command line: one subcommand for each thing a person does."""

from attention_programs.cli import heads, language_model, profiles, programs, records  # noqa: F401 - they add commands
from attention_programs.cli.app import run as main

__all__ = ["main"]
