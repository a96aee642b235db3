"""The schedule of a process: what each call and op waited for, replayed; its critical path; what changes would gain."""
