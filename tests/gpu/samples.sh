#!/bin/bash
# Captures the sample reports of graphs, batching and call stacks with `nsysgap profile`, plain and under nsys, and scrubs
# them; those of the five workloads come from run.sh.
#
#   tests/gpu/samples.sh FOLDER
#
# Needs what run.sh needs, PyTorch (the extra torch), cuda-bindings, and nvcc for slow_host.cu. FOLDER/scrubbed gets the
# reports, FOLDER/records.json what the workloads said in both runs, FOLDER/all.txt the comparison of all of them.
set -u
[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
mkdir -p "$1/scrubbed" && folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
failed=0
: > "$folder/commands.txt"

capture() { # capture NAME TARGET [OPTIONS OF PROFILE] -- ARGUMENTS; with --stacks the capture with stacks is the sample
  local name=$1 began=$SECONDS made=$1 line; shift
  line=(profile --nsys-args --osrt-backtrace-threshold=1000000000 -o "$folder/$name" "$@")
  case " $* " in *" --stacks "*) made=$name.stacks ;; esac
  if "$python" -m nsysgap "${line[@]}" > "$folder/$name.out" 2> "$folder/$name.log" &&
    "$python" -m nsysgap scrub "$folder/$made.sqlite" -o "$folder/scrubbed/$name.sqlite.xz" --force >> "$folder/$name.log" 2>&1
  then
    printf '%s\t%s\n' "$made" "nsysgap ${line[*]}" >> "$folder/commands.txt"
    local size; size=$(stat -c %s "$folder/scrubbed/$name.sqlite.xz")
    if [ "$size" -lt 600000 ]; then echo "ok      $name: $((SECONDS - began)) s, $size bytes"; return; fi
    echo "FAILED  $name: $size bytes are too many for a sample"
  else echo "FAILED  $name"; tail -n 5 "$folder/$name.log"; fi
  failed=1
}

dot=$folder/scrubbed
capture graph_explicit workloads/graph_explicit.py -- --steps 10 --dot "$dot/graph_explicit.dot"
capture graph_explicit_whole workloads/graph_explicit.py --graph-trace graph -- --steps 10
capture graph_update workloads/graph_update.py -- --steps 5
capture graph_pitfalls workloads/graph_pitfalls.py
capture torch_graph workloads/torch_graph.py -- --model llama --tokens 3 --batch 1 --way eager,graph --dot "$dot/torch_graph.dot"
capture torch_gains workloads/torch_gains.py -- --model resnet50 --steps 3
capture batching workloads/batching.py -- --commands 1000 --load decode --precision fp32
capture slow_host workloads/slow_host.py --stacks python
if nvcc -O2 -g -o "$folder/slow_host" workloads/native/slow_host.cu; then
  capture slow_host_native --command "$folder/slow_host" --stacks native
else echo "FAILED  nvcc"; failed=1; fi
"$python" tests/gpu/records.py "$folder" > "$folder/records.json" || failed=1

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
