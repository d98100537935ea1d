"""Takes what shops and CRMs know about their customers into Brevo, through Dagster.

Start at ``definitions.py`` for what Dagster sees, at ``cli`` for what a person types, and at ``sync`` for what both
of them run. docs/architecture.md draws the whole.
"""

__version__ = "0.1.0"
