"""Tests of the store, over real SQLite files and a real PostgreSQL."""
