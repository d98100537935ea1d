"""The Brevo half of the twin."""
