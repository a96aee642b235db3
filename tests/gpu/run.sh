#!/bin/bash
# The tests that need a GPU: `nsysgap profile` on the five workloads, and what its reports must say.
#
#   tests/gpu/run.sh FOLDER
#
# Needs an NVIDIA GPU, nsys (2025 or newer on a CUDA 13 driver) where nsysgap finds it, CuPy (the extra gpu or gpu13),
# and for cdp CUDA_PATH. Takes some five minutes. FOLDER gets every report, log and check; RESULTS.md beside this script
# holds the last results that were written down.
set -u
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1" && folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
profile() { "$python" -m nsysgap profile "$@"; }
failed=0
expect() { # expect CODE NAME ARGUMENTS...: run profile, compare the exit code
  local wanted=$1 name=$2 began=$SECONDS; shift 2
  profile "$@" > "$folder/$name.out" 2> "$folder/$name.log"; local code=$?
  if [ "$code" = "$wanted" ]; then echo "ok      $name: exit code $code, $((SECONDS - began)) s"
  else echo "FAILED  $name: exit code $code, not $wanted"; tail -n 5 "$folder/$name.log"; failed=1; fi
}

{ nvidia-smi --query-gpu=name,driver_version,clocks.max.sm --format=csv
  "$python" -c 'import cupy, sys; print("Python", sys.version.split()[0], "CuPy", cupy.__version__)'
  "$python" -c 'from nsysgap.profiling.finding import *; print(find_nsys(), find_driver())'; } > "$folder/machine.txt" 2>&1
cat "$folder/machine.txt"

# The comparison of docs/launching.md, three times: take the medians.
for round in 1 2 3; do
  mkdir -p "$folder/round$round"
  expect 0 "round$round" --format json -o "$folder/round$round/" workloads/{naive,graph,fused,mega,cdp}.py
done

# The sample reports: fewer steps, no call stacks of OS calls, so that they stay small.
mkdir -p "$folder/samples"
small=(--nsys-args --osrt-backtrace-threshold=1000000000)
for one in naive:5 graph:5 fused:20 mega:5 cdp:20; do
  expect 0 "sample-${one%:*}" "${small[@]}" -o "$folder/samples/" "workloads/${one%:*}.py" -- --steps "${one#*:}"
done
expect 0 sample-cdp_gpu_metrics "${small[@]}" --gpu-metrics --capture-range nvtx=measured \
  -o "$folder/samples/cdp_gpu_metrics" workloads/cdp.py -- --steps 20

# Hardware counters over a whole run, and graphs traced as a whole.
expect 0 naive_gpu_metrics --no-baseline --gpu-metrics -o "$folder/naive_gpu_metrics" workloads/naive.py -- --steps 10
expect 0 cdp_gpu_metrics --no-baseline --gpu-metrics -o "$folder/cdp_gpu_metrics" workloads/cdp.py -- --steps 20
expect 0 graph_as_a_whole --no-baseline --graph-trace graph -o "$folder/graph_as_a_whole" workloads/graph.py

# What must fail, and how.
expect 2 failing --no-baseline -o "$folder/failing" workloads/naive.py -- --steps 0
CUDA_VISIBLE_DEVICES='' expect 1 no_gpu --no-baseline -o "$folder/no_gpu" workloads/naive.py
grep -h "ended with exit code\|no usable" "$folder/failing.log" "$folder/no_gpu.log"

# Ctrl-C while the GPU works. (A script's background jobs ignore SIGINT unless told otherwise.)
# Its processes are told by a variable of their environment: a command line with the workload's name proves nothing.
env --default-signal=INT NSYSGAP_CTRL_C_CHECK=$$ "$python" -m nsysgap profile --no-baseline -o "$folder/stopped" workloads/naive.py -- --steps 1000000 \
  > "$folder/stopped.out" 2> "$folder/stopped.log" & stopped=$!
sleep 12; kill -INT "$stopped"; began=$SECONDS; wait "$stopped"; code=$?
left=$(grep -lszx "NSYSGAP_CTRL_C_CHECK=$$" /proc/[0-9]*/environ | wc -l); files=$(find "$folder" -name '*stopped*' ! -name 'stopped.out' ! -name 'stopped.log' | wc -l)
if [ "$code" = 130 ] && [ "$left" = 0 ] && [ "$files" = 0 ]; then echo "ok      Ctrl-C: exit code 130 after $((SECONDS - began)) s, no process and no file left"
else echo "FAILED  Ctrl-C: exit code $code, $left processes and $files files left"; failed=1; fi

"$python" tests/gpu/check.py "$folder" || failed=1
exit $failed
