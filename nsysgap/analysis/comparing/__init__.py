"""Captures compared: figures per iteration of two sides, what explains the change, and what noise lets one say."""
