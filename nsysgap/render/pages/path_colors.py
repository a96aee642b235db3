"""The parts of a critical path as pages show them: colour and words."""

COLORS = {  # Okabe and Ito's
    "gpu": ("#009e73", "GPU work"),
    "between_ops": ("#8fd0bd", "between ops"),
    "launch_latency": ("#f0e442", "launch latency"),
    "launch_calls": ("#e69f00", "launch calls"),
    "other_calls": ("#d9a0c4", "other CUDA calls"),
    "sync_tail": ("#d55e00", "return from waits"),
    "host": ("#56b4e9", "host code"),
    "os_wait": ("#b5a6c9", "waiting in the OS"),
}
"""part -> (colour, words), in the order of the parts' numbers (analysis/schedule/path_rows.py)."""
