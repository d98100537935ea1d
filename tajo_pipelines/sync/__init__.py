"""The engine: read and land, then deliver what was landed. Knows connectors, store and Brevo; no Dagster."""
