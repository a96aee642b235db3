#!/bin/bash
# Measures the cures of workloads/cures, before and after, five times in turn, plain and under nsys, and captures each form
# once: what docs/predictions.md is made from.
#
#   tests/gpu/cures.sh FOLDER [CURE...]
#
# Needs an NVIDIA GPU, nsys where nsysgap finds it, PyTorch. FOLDER gets plain.jsonl, profiled.jsonl (a line a form and
# round), machine.txt, and NAME_FORM.sqlite with its scrubbed copy. Takes some five minutes.
set -u
[ $# -ge 1 ] || { echo "usage: $0 FOLDER [CURE...]" >&2; exit 2; }
mkdir -p "$1/scrubbed" && folder=$(cd "$1" && pwd); shift
cd "$(dirname "$0")/../.." || exit 2
python=${PYTHON:-python3}
nsys=${NSYS:-$("$python" -c 'from nsysgap.profiling.finding import find_nsys; print(find_nsys(None).path)')}
flags=(--trace=cuda,nvtx,osrt --cuda-graph-trace=node --sample=none --cpuctxsw=none --osrt-backtrace-threshold=1000000000 --force-overwrite=true)
cures=("$@")
[ ${#cures[@]} -gt 0 ] || cures=(graph fewer_syncs pinned overlapped elsewhere batched fused allocation faster_kernel
  graph_block train_reads pinned_loader faster_range)
names=$(IFS=,; echo "${cures[*]}")
failed=0
{ nvidia-smi --query-gpu=name,driver_version --format=csv,noheader; "$nsys" --version; } > "$folder/machine.txt"
cat "$folder/machine.txt"

"$python" workloads/cures/all.py --cure "$names" > "$folder/plain.jsonl" || { echo "FAILED  plain"; failed=1; }
"$nsys" profile "${flags[@]}" --output "$folder/all" "$python" workloads/cures/all.py --cure "$names" \
  > "$folder/profiled.raw" 2> "$folder/profiled.log" || { echo "FAILED  under nsys"; tail -n 5 "$folder/profiled.log"; failed=1; }
grep '^{' "$folder/profiled.raw" > "$folder/profiled.jsonl"
rm -f "$folder/profiled.raw" "$folder"/all.*
for cure in "${cures[@]}"; do
  for form in before after; do
    began=$SECONDS; name=${cure}_$form
    if "$nsys" profile "${flags[@]}" --export=sqlite --output "$folder/$name" "$python" "workloads/cures/$cure.py" --form $form --no-check \
        > "$folder/$name.out" 2> "$folder/$name.log" &&
      "$python" -m nsysgap scrub "$folder/$name.sqlite" -o "$folder/scrubbed/$name.sqlite.xz" --force >> "$folder/$name.log" 2>&1
    then echo "ok      $name: $((SECONDS - began)) s"
    else echo "FAILED  $name"; tail -n 5 "$folder/$name.log"; failed=1; fi
  done
done
exit $failed
