"""The one error of the workloads: a sentence for the user, printed without a traceback."""


class WorkloadError(Exception):
    """What is wrong and what to do next: one sentence, printed, exit code 1."""
