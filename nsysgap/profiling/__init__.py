"""Capturing a program with nsys: finding it, its exact command line, the plain run beside it, files that are whole."""
