"""Answers as HTML pages that open from disk without a network."""
