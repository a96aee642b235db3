#!/bin/sh
# Installs HolisticTraceAnalysis (now called traceinsight) for the tests, beside the environment and not in it: its requirements name all of
# JupyterLab, which its analyses do not use. Usage: tests/install-hta.sh FOLDER; then NSYSGAP_HTA=FOLDER.
# Needs the project's environment (pip, NumPy, pandas, Plotly): PYTHON names its interpreter, .venv/bin/python else.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
[ ! -d "$1/traceinsight-0.6.1.dist-info" ] || exit 0
"${PYTHON:-.venv/bin/python}" -m pip install -q --no-deps --upgrade --target "$1" \
  traceinsight==0.6.1 networkx pydot psutil pyyaml pyparsing
