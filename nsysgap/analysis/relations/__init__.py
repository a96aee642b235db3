"""What belongs to what: calls and their ops, syncs and what they awaited, ranges, captures, graph launches."""
