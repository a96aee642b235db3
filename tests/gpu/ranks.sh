#!/bin/bash
# Captures workloads/pytorch/ranks.py on two GPUs, a report a rank, in its five forms, and asks `nsysgap ranks` who was late.
#
#   tests/gpu/ranks.sh FOLDER [STEPS]
#
# Needs two NVIDIA GPUs, nsys where nsysgap finds it, PyTorch with NCCL. FOLDER/LATE_rankN.sqlite are the reports,
# FOLDER/scrubbed copies of them for sample_traces, FOLDER/plain.jsonl and profiled.jsonl what the ranks said without and
# under nsys. Takes some two minutes.
set -u
[ $# -ge 1 ] || { echo "usage: $0 FOLDER [STEPS]" >&2; exit 2; }
mkdir -p "$1/scrubbed" && folder=$(cd "$1" && pwd)
steps=${2:-40}
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
nsys=${NSYS:-$("$python" -c 'from nsysgap.profiling.finding import find_nsys; print(find_nsys(None).path)')}
export MASTER_ADDR=127.0.0.1 WORLD_SIZE=2 NCCL_NVLS_ENABLE=0
failed=0

both() { # both PORT COMMAND-PREFIX... -- ARGUMENTS: the program once a rank, at the same time
  local port=$1 prefix=(); shift
  while [ "$1" != -- ]; do prefix+=("$1"); shift; done; shift
  local pids=() rank
  for rank in 0 1; do
    RANK=$rank LOCAL_RANK=$rank MASTER_PORT=$port "${prefix[@]}" "$python" workloads/pytorch/ranks.py --steps "$steps" "$@" &
    pids+=($!)
  done
  local code=0 pid
  for pid in "${pids[@]}"; do wait "$pid" || code=1; done
  return $code
}

port=29600
: > "$folder/plain.jsonl"; : > "$folder/profiled.jsonl"
for late in even host gpu stretch rotating; do
  port=$((port + 1))
  both $port env -- --late "$late" >> "$folder/plain.jsonl" 2> "$folder/$late.plain.log" || { echo "FAILED  $late, plain"; failed=1; }
  port=$((port + 1))
  both $port "$nsys" profile --trace=cuda,nvtx,osrt --cuda-graph-trace=node --sample=none --cpuctxsw=none \
    --force-overwrite=true --output "$folder/${late}_rank%q{RANK}" -- --late "$late" \
    >> "$folder/profiled.jsonl" 2> "$folder/$late.log" || { echo "FAILED  $late, under nsys"; failed=1; }
  for rank in 0 1; do
    "$nsys" export --type sqlite --include-blobs=true --force-overwrite=true --output "$folder/${late}_rank$rank.sqlite" \
      "$folder/${late}_rank$rank.nsys-rep" >> "$folder/$late.log" 2>&1 &&
    "$python" -m nsysgap scrub "$folder/${late}_rank$rank.sqlite" -o "$folder/scrubbed/${late}_rank$rank.sqlite.xz" --force >> "$folder/$late.log" 2>&1 ||
      { echo "FAILED  $late: no report of rank $rank"; tail -n 3 "$folder/$late.log"; failed=1; }
  done
  echo "== $late"
  "$python" -m nsysgap ranks "$folder/${late}"_rank?.sqlite || failed=1
done
"$python" tests/gpu/check_ranks.py "$folder" || failed=1
exit $failed
