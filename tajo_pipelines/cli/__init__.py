"""The command line ``tajo``: one module a noun; ``schemas/`` describes every document that ``--json`` prints."""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point: run what the command line says, and exit."""
    from tajo_pipelines.cli import logs
    from tajo_pipelines.cli.app import run

    logs.capture_python_warnings()
    sys.exit(run(sys.argv[1:]))
