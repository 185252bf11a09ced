#!/usr/bin/env bash
# Runs all tests, after the same set-up as examples/run.sh plus what the tests themselves take.
# SPDX-License-Identifier: BSD-3-Clause

set -euo pipefail

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=../cmake/setup.sh
source "$here/../cmake/setup.sh"

# host last: its tests look into the other trees
presets=(riscv64 aarch64 host-clang s390x armhf coverage host)
packages=(
  clang clang-format clang-tidy cmake cppcheck curl dnsmasq-base g++ gcc gcc-arm-linux-gnueabihf
  gcc-s390x-linux-gnu git iproute2 iputils-ping libc6-dev libc6-dev-armhf-cross
  libc6-dev-s390x-cross libclang-rt-dev libcmocka-dev llvm make netcat-openbsd ninja-build procps
  python3 python3-pytest qemu-user shellcheck spin tcpdump
)
results=$setup_root/build/host/results.xml
not_run_log=$setup_root/build/host/not-run.log
summary_log=$setup_root/build/host/summary.log

long=false
ctest_args=()
stages=()
left_out=() # lines for the log of what was NOT RUN

usage() {
  cat <<USAGE
usage: tests/run.sh [--long] [-- CTEST argument...]

Builds everything and runs the tests: unit tests by gcc and clang, on a big-endian and a 32-bit
machine and for their coverage, static analysis, style, the ways of adding virtioif to a build, and
the images of both boards in QEMU.

  --long    run the tests with the label long, too
  --help    print this
  -- ...    everything after it goes to ctest: -R unit, say

What cannot be tested on this machine is listed as NOT RUN. The exit code is 0 if at least one test
ran and none failed; with CI=true in the environment a test that was NOT RUN counts as failed.
USAGE
}

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --help | -h)
        usage
        exit 0
        ;;
      --long) long=true ;;
      --)
        shift
        ctest_args=("$@")
        return
        ;;
      *)
        printf "error: what is '%s'?\n\n" "$1" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
  done
}

# stage NAME COMMAND...: runs it and notes how long it took.
stage() {
  local name=$1 start=$SECONDS
  shift
  "$@"
  stages+=("$name $((SECONDS - start)) s")
}

# Compilers for all boards, and QEMU where the environment names no other one.
board_packages() {
  local file
  for file in "$setup_root"/examples/board/qemu_virt_*/qemu.sh; do
    # shellcheck source=../examples/board/qemu_virt_riscv64/qemu.sh
    source "$file"
    printf '%s\n' "${board_toolchain_packages[@]}"
    [[ -n ${!board_emulator_variable:-} ]] || printf '%s\n' "$board_emulator_package"
  done
}

prepare() {
  local emulated
  mapfile -t -O "${#packages[@]}" packages < <(board_packages && setup_lwip_packages)
  setup_packages "${packages[@]}"
  setup_lwip
  for emulated in s390x armhf; do
    setup_cmocka "$emulated" ||
      leave_out "$emulated" "no cmocka for $emulated to be had; build/setup has a log of it"
  done
}

# leave_out PRESET REASON: its unit tests are NOT RUN.
leave_out() {
  local preset kept=()
  for preset in "${presets[@]}"; do
    [[ $preset == "$1" ]] || kept+=("$preset")
  done
  presets=("${kept[@]}")
  rm -rf -- "$setup_root/build/$1" # of a time when it could be made
  left_out+=("$1.unit: $2")
}

run_ctest() {
  local preset=host
  ! "$long" || preset=host-long
  setup_say "testing"
  : >"$not_run_log"
  : >"$summary_log"
  ((${#left_out[@]} == 0)) || printf '%s\n' "${left_out[@]}" >>"$not_run_log"
  rm -f -- "$results"
  export VIRTIOIF_NOT_RUN_LOG=$not_run_log VIRTIOIF_SUMMARY_LOG=$summary_log
  # The four longest tests sleep most of their time, waiting for a guest: others run beside them.
  # The exit code says no more than the results do, except where ctest could not write them.
  setup_logged - in_root ctest --preset "$preset" --parallel "$(($(nproc) + 4))" \
    --output-junit "$results" "${ctest_args[@]}" {tests_lock_fd}>&- || ctest_status=$?
}

# One run at a time in this tree: two would build and write into the same folders.
tests_lock() {
  setup_make_dir
  exec {tests_lock_fd}>>"$setup_dir/tests-lock"
  flock -n "$tests_lock_fd" || setup_die 2 "tests run in this folder already" \
    "wait until they end, or test a clone of it"
}

in_root() {
  cd "$setup_root" && "$@"
}

# Prints STATE NAME for each test of the results; a test that did not run brings its reason along.
list_results() {
  [[ -f $results ]] || return 0
  awk -F '"' '
    /<testcase / {
      state = name = ""
      for (i = 1; i < NF; i += 2) {
        if ($i ~ / name=$/) name = $(i + 1)
        if ($i ~ / status=$/) state = $(i + 1)
      }
      if (state == "run" || state == "fail") print state, name
    }
    /<skipped message=/ { print "notrun", name ": " $2 }
    /<testcase / && state == "disabled" { print "notrun", name ": disabled" }
  ' "$results"
}

summary() {
  local passed failed not_run
  # A test that explains itself in the log needs no second line from ctest.
  not_run=$({ cat "$not_run_log" && list_results | sed -n 's/^notrun //p'; } |
    awk -F ': ' 'NF && !seen[$1]++')
  passed=$(list_results | grep -c '^run ' || true)
  failed=$(list_results | grep -c '^fail ' || true)
  echo
  cat "$summary_log" # what tests have to say beyond passed and failed
  [[ -z $not_run ]] || printf 'NOT RUN: %s\n' "${not_run//$'\n'/$'\n'NOT RUN: }"
  not_run=$(grep -c . <<<"$not_run" || true)
  setup_say "time: $(printf '%s\n' "${stages[@]}" | paste -sd ';' | sed 's/;/, /g')"
  setup_say "$passed passed, $failed failed, $not_run not run"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  judge "$passed" "$failed" "$not_run"
}

judge() {
  local passed=$1 failed=$2 not_run=$3
  ((failed == 0)) || exit 1
  ((passed > 0)) || setup_die 1 "no test ran"
  ((ctest_status == 0)) || setup_die 1 "ctest ended with exit code $ctest_status"
  [[ ${CI:-} != true ]] || ((not_run == 0)) || setup_die 1 "in CI every test has to run"
}

main() {
  local preset ctest_status=0
  parse_arguments "$@"
  setup_trap_signals
  tests_lock
  setup_lock
  stage "set-up" prepare
  for preset in "${presets[@]}"; do
    stage "$preset" setup_build "$preset"
  done
  setup_unlock
  stage "tests" run_ctest
  summary
}

main "$@"
