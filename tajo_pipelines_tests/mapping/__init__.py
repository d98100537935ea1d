"""Tests of the field mapping."""
