"""Receives the platforms' webhooks: proves each over the bytes received, keeps it durably, and only then says yes.

One process, started by ``tajo webhooks serve``. It reads no body, asks no platform and never imports Dagster; what was
received is worked off by runs that the inbox's sensor asks for. Whatever happens to this process, what was answered
with 2xx is in the database, and what wasn't is sent again by the platform.
"""
