"""Tests of the Brevo package."""
