#!/bin/sh
# Installs CuPy and PyTorch for the tests of the workloads without a GPU, beside the environment and not in it: they are
# large, and two tests need them. Usage: tests/install-workload-parts.sh FOLDER; then NSYSGAP_WORKLOAD_PARTS=FOLDER.
# PYTHON names the interpreter whose pip is used, .venv/bin/python else.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
[ ! -d "$1/torch" ] || [ ! -d "$1/cupy" ] || exit 0
"${PYTHON:-.venv/bin/python}" -m pip install -q --upgrade --target "$1" cupy-cuda12x torch==2.13.0
