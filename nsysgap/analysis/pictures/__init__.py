"""What viewers draw: the timeline page and the trace, their rows, lanes, arrows and counters."""
