"""The workspace as a Dagster resource."""

import os
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from tajo_pipelines.settings import Settings, load_settings
from tajo_pipelines.sync.workspace import Workspace

PROJECT_VARIABLE = "TAJO_PROJECT"
"""Where the project's folder is, for processes that Dagster starts elsewhere."""


def project_folder() -> Path:
    """The folder of workspace.yaml: ``TAJO_PROJECT``, or the working directory."""
    return Path(os.environ.get(PROJECT_VARIABLE) or Path.cwd()).resolve()


def read_settings() -> Settings:
    """The project's settings; a missing secret is no error until it is used.

    Raises:
        ConfigError: With every finding.
    """
    return load_settings(project_folder(), require_secrets=False)


class WorkspaceResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster leaves the value's type open
    """Opens the project's workspace once a process and lets go of it at the end of a run."""

    _workspace: Workspace | None = PrivateAttr(default=None)

    def get(self) -> Workspace:
        """The workspace.

        Raises:
            ConfigError: With every finding in the configuration.
        """
        if self._workspace is None:
            self._workspace = Workspace(read_settings())
        return self._workspace

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the store."""
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None
