"""Idle time by the program's own stacks: lines, functions, files."""
