"""One module per question: a report and options in, a typed and picklable answer out; no click, no printing."""
