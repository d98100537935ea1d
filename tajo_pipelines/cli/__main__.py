"""``python -m tajo_pipelines.cli`` is ``tajo``."""

from __future__ import annotations

from tajo_pipelines.cli import main

main()
