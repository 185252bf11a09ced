#!/usr/bin/env bash
#
# run.sh: let libFuzzer look for inputs that break driver or port.
#
#   run.sh                      each target for 10 seconds, then the coverage
#   run.sh --hours 8 --jobs 4 virtio_net
#                               one target for long, by four processes
#   run.sh --help               all options
#
# Exit code: 0 nothing found, 1 found something (its input is kept and its path printed), 2 wrong
# usage, or something to build or to install first.
#
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$(dirname "$here")")
all_targets=(virtio_net virtq config)
hang_seconds=30 # for one input; they take milliseconds
memory_mb=1024
input_bytes=3000

build=$top/build/host-clang
seconds=10
jobs=1
fresh=false
mode=fuzz
targets=()

export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=32:detect_stack_use_after_return=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

usage() {
  cat <<USAGE
usage: tests/fuzz/run.sh [option...] [target...]

targets: ${all_targets[*]}; by default all of them, one after the other.

  --seconds N   how long for each target (10)
  --hours N     the same in hours
  --jobs N      processes that share the work (1)
  --fresh       begin with the seeds alone, not with what earlier runs have collected
  --build DIR   the tree with the programs (build/host-clang)
  --seeds       write seeds by running unit tests, and end
  --coverage    print what the collected inputs of all targets reach, and end
USAGE
}

fail() {
  local line
  echo "run.sh: $1" >&2
  shift
  for line in "$@"; do
    echo "  $line" >&2
  done
  exit 2
}

is_number() {
  [[ $1 =~ ^[1-9][0-9]{0,6}$ ]]
}

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --seconds | --hours | --jobs | --build) (($# > 1)) || fail "$1 wants a value" ;;&
      --seconds)
        seconds=$2
        shift
        ;;
      --hours)
        is_number "$2" || fail "--hours: '$2' is not a number of hours"
        seconds=$(($2 * 3600))
        shift
        ;;
      --jobs)
        jobs=$2
        shift
        ;;
      --build)
        build=$2
        shift
        ;;
      --fresh) fresh=true ;;
      --seeds) mode=seeds ;;
      --coverage) mode=coverage ;;
      --help | -h)
        usage
        exit 0
        ;;
      *)
        [[ " ${all_targets[*]} " == *" $1 "* ]] || fail "what is '$1'?" "--help tells"
        targets+=("$1")
        ;;
    esac
    shift
  done
  is_number "$seconds" || fail "--seconds: '$seconds' is not a number of seconds"
  is_number "$jobs" || fail "--jobs: '$jobs' is not a number of processes"
  ((${#targets[@]} > 0)) || targets=("${all_targets[@]}")
  build=$(readlink -m -- "$build")
  work=$build/tests/fuzz
}

check_programs() {
  local target
  for target in "${targets[@]}"; do
    [[ -x $build/tests/fuzz_$target ]] ||
      fail "there is no $build/tests/fuzz_$target" \
        "cmake --preset host-clang && cmake --build --preset host-clang --target fuzz_programs"
  done
}

# Seeds are what the unit tests do to the simulated device, see record.h.
# Seeds are made anew only if one of the programs that make them is.
seeds_are_new() {
  local recorder
  for recorder in "$build"/tests/record_*; do
    [[ $work/seeds.made -nt $recorder ]] || return 1
  done
}

make_seeds() {
  local recorder log=$work/seeds.log
  rm -rf -- "$work/seeds"
  mkdir -p -- "${all_targets[@]/#/$work/seeds/}"
  : >"$log"
  for recorder in "$build"/tests/record_*; do
    [[ -x $recorder ]] || fail "there are no seed programs in $build/tests" \
      "cmake --preset host-clang && cmake --build --preset host-clang --target fuzz_programs"
    FUZZ_SEEDS=$work/seeds "$recorder" >>"$log" 2>&1 ||
      { echo "run.sh: ${recorder##*/} failed, see $log" >&2 && exit 1; }
  done
  for target in "${all_targets[@]}"; do
    set -- "$work/seeds/$target"/*
    [[ -e $1 ]] || { echo "run.sh: no seeds for $target" >&2 && exit 1; }
    echo "seeds of $target: $#"
  done
  touch "$work/seeds.made"
}

# fuzz_one TARGET JOB CORPUS: one process.
fuzz_one() {
  local target=$1 corpus=$3 log=$work/$1-$2.log
  LLVM_PROFILE_FILE=/dev/null "$build/tests/fuzz_$target" \
    -max_total_time="$seconds" -timeout="$hang_seconds" -rss_limit_mb="$memory_mb" \
    -max_len="$input_bytes" -print_final_stats=1 -reload=1 \
    -artifact_prefix="$work/failures/$target-" "$corpus" "$work/seeds/$target" >"$log" 2>&1
}

report_failure() {
  local target=$1 log=$2 input
  input=$(sed -n 's/.*Test unit written to //p' "$log" | head -n 1)
  sed -n '/^fuzz: \|^lwIP: \|ERROR: \|runtime error: \|^    #/p' "$log" |
    grep -v ' in fuzzer::\|libc\.so\|__libc_\| in _start ' | head -n 30 >&2
  echo "fuzz.$target: FAILED: ${input:-no input was kept, see $log}" >&2
  [[ -z $input ]] || echo "again: $build/tests/fuzz_$target $input" >&2
}

fuzz() {
  local target=$1 corpus=$work/corpus/$1 pids=() job status=0 count=0 n
  if "$fresh"; then
    corpus=$work/fresh/$target
    rm -rf -- "$corpus"
  fi
  mkdir -p -- "$corpus" "$work/failures"
  for ((job = 1; job <= jobs; job++)); do
    fuzz_one "$target" "$job" "$corpus" &
    pids+=("$!")
  done
  for ((job = 1; job <= jobs; job++)); do
    if ! wait "${pids[job - 1]}"; then
      report_failure "$target" "$work/$target-$job.log"
      status=1
    fi
    n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$target-$job.log")
    count=$((count + ${n:-0}))
  done
  ((status == 0)) || return 1
  "$fresh" || merge "$target" "$corpus" || return 1
  measure "$target" "$corpus" || return 1
  echo "fuzz.$target: $count inputs in $seconds s by $jobs, nothing found"
}

# Keep of all inputs the few that reach everything. Seeds are made anew each time.
merge() {
  local target=$1 corpus=$2
  rm -rf -- "$corpus.merged"
  mkdir -- "$corpus.merged"
  LLVM_PROFILE_FILE=/dev/null "$build/tests/fuzz_$target" -merge=1 -max_len="$input_bytes" \
    "$corpus.merged" "$corpus" >"$work/$target-merge.log" 2>&1 ||
    { report_failure "$target" "$work/$target-merge.log" && return 1; }
  rm -rf -- "$corpus"
  mv -- "$corpus.merged" "$corpus"
}

# Which lines of driver and port the seeds and the inputs found by now run through.
measure() {
  local target=$1 corpus=$2 raw=$work/$1.profraw
  LLVM_PROFILE_FILE=$raw "$build/tests/fuzz_$target" -runs=0 -max_len="$input_bytes" \
    "$corpus" "$work/seeds/$target" >"$work/$target-measure.log" 2>&1 ||
    { report_failure "$target" "$work/$target-measure.log" && return 1; }
  llvm-profdata merge -sparse "$raw" -o "$work/$target.profdata"
  rm -f -- "$raw"
}

# What the inputs of the targets reach: a table by file, and one line for all of them.
print_coverage() {
  local target objects=() profiles=() report all=$work/all.$$.profdata
  for target in "${targets[@]}"; do
    [[ -f $work/$target.profdata ]] || continue
    objects+=(-object "$build/tests/fuzz_$target")
    profiles+=("$work/$target.profdata")
  done
  ((${#profiles[@]} > 0)) || fail "nothing was fuzzed yet"
  llvm-profdata merge -sparse "${profiles[@]}" -o "$all"
  report=$(llvm-cov report "${objects[@]:1}" -instr-profile="$all" "$top/virtio" "$top/port")
  rm -f -- "$all"
  # Of the columns: name, lines and lines missed, branches and branches missed.
  awk -v top="$top/" '
    function percent(all, missed) { return all ? sprintf("%.1f%%", 100 * (all - missed) / all) : "-" }
    $1 ~ /\.[ch]$/ && $8 > 0 { sub(top, "", $1); printf "%-32s lines %6s  branches %6s\n", $1,
      percent($8, $9), percent($11, $12) }
    $1 == "TOTAL" { printf "fuzz coverage of virtio/ and port/: lines %s, branches %s\n",
      percent($8, $9), percent($11, $12) }
  ' <<<"$report"
}

main() {
  local target status=0
  parse_arguments "$@"
  for target in llvm-profdata llvm-cov; do
    command -v "$target" >/dev/null || fail "$target is missing" "Debian: apt-get install llvm"
  done
  case $mode in
    seeds)
      seeds_are_new || make_seeds
      return
      ;;
    coverage)
      print_coverage | tee /dev/stderr | tail -n 1 >>"${VIRTIOIF_SUMMARY_LOG:-/dev/null}"
      return
      ;;
  esac
  check_programs
  [[ -d $work/seeds ]] || make_seeds
  for target in "${targets[@]}"; do
    fuzz "$target" || status=1
  done
  ((status != 0)) || print_coverage
  return "$status"
}

main "$@"
