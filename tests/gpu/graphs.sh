#!/bin/bash
# Captures the workloads of graphs and batching by `nsysgap profile`, small, plain and under nsys, and scrubs them.
#
#   tests/gpu/graphs.sh FOLDER
#
# Needs what run.sh needs, and PyTorch (the extra torch) and cuda-bindings. FOLDER/scrubbed gets what may become sample
# reports (each must stay under 600 KB), FOLDER/all.txt the comparison of all of them.
set -u
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1/scrubbed" && folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
failed=0
capture() { # capture NAME WORKLOAD [OPTIONS OF PROFILE] -- ARGUMENTS
  local name=$1 workload=$2 began=$SECONDS; shift 2
  if "$python" -m nsysgap profile --nsys-args --osrt-backtrace-threshold=1000000000 -o "$folder/$name" \
      "workloads/$workload.py" "$@" > "$folder/$name.out" 2> "$folder/$name.log" \
    && "$python" -m nsysgap scrub "$folder/$name.sqlite" -o "$folder/scrubbed/$name.sqlite.xz" --force; then
    local size; size=$(stat -c %s "$folder/scrubbed/$name.sqlite.xz")
    if [ "$size" -lt 600000 ]; then echo "ok      $name: $((SECONDS - began)) s, $size bytes"; return; fi
    echo "FAILED  $name: $size bytes are too many for a sample"
  else echo "FAILED  $name"; tail -n 5 "$folder/$name.log"; fi
  failed=1
}

capture graph_explicit graph_explicit -- --steps 10 --dot "$folder/scrubbed/graph_explicit.dot"
capture graph_explicit_whole graph_explicit --graph-trace graph -- --steps 10
capture graph_update graph_update -- --steps 5
capture graph_pitfalls graph_pitfalls
capture torch_graph torch_graph -- --model llama --tokens 3 --batch 1 --way eager,graph --dot "$folder/scrubbed/torch_graph.dot"
capture torch_gains torch_gains -- --model resnet50 --steps 3
capture batching batching -- --commands 1000 --load decode --precision fp32

# Sizes are options: small ones run and are checked as the usual ones are.
for line in "torch_graph --hidden 512 --layers 2 --tokens 20 --batch 2 --buckets 8 32 --way eager,graph,buckets" \
    "torch_gains --steps 2 --model resnet50,bert,train --batch 2 --bert-tokens 64 --train-batch 2 --train-tokens 64 --train-layers 2"; do
  if "$python" workloads/${line%% *}.py ${line#* } > "$folder/sizes-${line%% *}.json"; then echo "ok      $line"
  else echo "FAILED  $line"; failed=1; fi
done

mkdir -p "$folder/all"
"$python" -m nsysgap profile --format markdown -o "$folder/all" workloads/graph*.py workloads/torch*.py \
  > "$folder/all.txt" 2> "$folder/all.log" || { echo "FAILED  the comparison"; failed=1; }
cat "$folder/all.txt"
exit $failed
