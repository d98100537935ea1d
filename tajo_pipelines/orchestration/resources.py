"""The workspace as a Dagster resource."""

import os
from pathlib import Path

import dagster as dg
from pydantic import PrivateAttr

from tajo_pipelines.settings import Settings, load_settings
from tajo_pipelines.sync.log_masking import hide_secrets_of, log_to_stderr
from tajo_pipelines.sync.workspace import Workspace

PROJECT_VARIABLE = "TAJO_PROJECT"
"""Where the project's folder is, for processes that Dagster starts elsewhere."""


def project_folder() -> Path:
    """The folder of workspace.yaml: ``TAJO_PROJECT``, or the working directory."""
    return Path(os.environ.get(PROJECT_VARIABLE) or Path.cwd()).resolve()


def read_settings(project: Path) -> Settings:
    """A project's settings; a missing secret is no error until it is used.

    Raises:
        ConfigError: With every finding.
    """
    return load_settings(project, require_secrets=False)


class OpenWorkspace:
    """A project's workspace, opened when it is first needed.

    The settings are read then, not when the definitions were loaded: a run acts by what the files say now. From then
    on no log line of the process holds a secret of theirs.
    """

    def __init__(self) -> None:
        self._workspace: Workspace | None = None

    def of(self, project: str) -> Workspace:
        """The workspace.

        Raises:
            ConfigError: With every finding in the configuration.
        """
        if self._workspace is None:
            settings = read_settings(Path(project))
            hide_secrets_of(settings)
            log_to_stderr()
            self._workspace = Workspace(settings)
        return self._workspace

    def close(self) -> None:
        """Let go of the store."""
        if self._workspace is not None:
            self._workspace.close()
            self._workspace = None


class WorkspaceResource(dg.ConfigurableResource[Workspace]):
    """The project's workspace for assets, checks and schedules; let go of at the end of a run or tick.

    Attributes:
        project: The folder of workspace.yaml.
    """

    project: str

    _open: OpenWorkspace = PrivateAttr(default_factory=OpenWorkspace)

    def get(self) -> Workspace:
        """The workspace.

        Raises:
            ConfigError: With every finding in the configuration.
        """
        return self._open.of(self.project)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the store."""
        del context
        self._open.close()
