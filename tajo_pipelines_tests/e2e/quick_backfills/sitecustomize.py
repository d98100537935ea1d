# ruff: noqa: INP001  # a folder for the path, no package
"""Stands first on the path of a ``dagster dev``: its daemon looks for backfills every second then.

It does so every 30 s, and no setting of dagster.yaml says otherwise (dagster 1.13.27).
"""

import sys

if "dagster._daemon" in sys.orig_argv:
    from dagster._daemon import controller

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1
