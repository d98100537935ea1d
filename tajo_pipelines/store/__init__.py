"""All durable state, on SQLAlchemy Core: SQLite by default, PostgreSQL where several machines share it.

`open_store` gives a `Store`, which hands out one small repository a subject. Knows no platform, no Brevo and no
Dagster; what Brevo's package asks of a store stands there as protocols, and the repositories fit them.
"""

from tajo_pipelines.store.facade import Store
from tajo_pipelines.store.opening import open_store

__all__ = ["Store", "open_store"]
