"""Runs the command line as ``python -m attention_programs.cli``."""

import sys

from attention_programs.cli import main

sys.exit(main())
