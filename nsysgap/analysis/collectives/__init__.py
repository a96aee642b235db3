"""Collectives of several processes: who arrived last, how long the others waited, and why the last one was late."""
