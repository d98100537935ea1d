"""Brevo: the client, what an account holds, and the only door through which consent reaches it.

Knows no platform, no Dagster and no store: state comes in through the protocols of `ports`.
"""
