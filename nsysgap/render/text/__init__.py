"""Answers as terminal text: one module per command."""
