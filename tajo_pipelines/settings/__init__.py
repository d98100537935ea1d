"""The configuration of a project: ``config/connectors.yaml``, ``.env`` and the environment, as frozen typed objects.

Everything that is wrong is said at once, each with file, line, key, what was found and the nearest valid name.
"""

from tajo_pipelines.settings.connections import Manifests
from tajo_pipelines.settings.loader import load_settings
from tajo_pipelines.settings.objects import (
    DEFAULT_ACCOUNT,
    Account,
    Connection,
    DoubleOptIn,
    Events,
    FieldRule,
    Keep,
    Lists,
    Settings,
    StreamSettings,
    env_prefix,
)

__all__ = [
    "DEFAULT_ACCOUNT",
    "Account",
    "Connection",
    "DoubleOptIn",
    "Events",
    "FieldRule",
    "Keep",
    "Lists",
    "Manifests",
    "Settings",
    "StreamSettings",
    "env_prefix",
    "load_settings",
]
