"""The nouns of the project: pure data and rules, no I/O, importable from everywhere."""
