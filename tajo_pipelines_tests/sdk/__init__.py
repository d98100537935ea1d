"""Tests of what connectors are put together from."""
