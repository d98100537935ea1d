"""The one composition of Dagster: everything that `dagster dev` shows."""

from __future__ import annotations

import dagster as dg

from tajo_pipelines.orchestration.build import build_definitions
from tajo_pipelines.orchestration.resources import project_folder, read_settings


@dg.definitions
def defs() -> dg.Definitions:
    """What the configuration asks for."""
    return build_definitions(read_settings(project_folder()))
