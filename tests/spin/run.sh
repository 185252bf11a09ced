#!/usr/bin/env bash
#
# run.sh: let Spin search the models beside it: no wake is lost and nothing stale is read with all
# fences in place, and something is with any one of them out.
#
#   run.sh                      all of it, one line each
#   run.sh --list               what that is
#   run.sh --trace MODEL [DEFINE...]
#                               search one, and tell the shortest way into its fault if it has one:
#                               run.sh --trace arm EVENT OUT_ARM_MB
#
# Exit code: 0 all as expected, 1 not so, 2 wrong usage or no C compiler, 77 NOT RUN because Spin
# (Debian: spin) is missing; then the reason is also appended to the file $VIRTIOIF_NOT_RUN_LOG.
#
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cc=${CC:-cc}
hang_seconds=120 # a search takes seconds
depth=100000     # steps of the longest run, far more than there are

fail() {
  echo "run.sh: $1" >&2
  exit 2
}

# What to run: outcome, model, definitions. The outcome is "holds", "sleeps" (a wake is lost, which
# Spin calls an invalid end state) or "stale" (an assertion about a value is violated).
runs() {
  local form out

  for form in '' ' EVENT'; do
    echo "holds arm$form"
    echo "holds arm$form TSO"
    for out in OUT_ARM_MB OUT_DEVICE_MB WMB_FOR_ARM_MB RMB_FOR_ARM_MB NO_RECHECK \
      'TSO OUT_ARM_MB'; do
      echo "sleeps arm$form $out"
    done
    echo "stale arm$form OUT_TAKE_RMB"
    echo "stale arm$form OUT_DEVICE_WMB"

    echo "holds kick$form"
    echo "holds kick$form TSO"
    echo "holds kick$form OUT_NOTIFY" # that of virtq_kick_wanted() stands in for it
    for out in OUT_KICK_MB OUT_DEVICE_MB WMB_FOR_KICK_MB RMB_FOR_KICK_MB 'TSO OUT_KICK_MB'; do
      echo "sleeps kick$form $out"
    done
    echo "stale kick$form OUT_PUBLISH_WMB"
    echo "stale kick$form OUT_DEVICE_RMB"

    for out in '' ' TRY_FIRST' ' TCP' ' NO_TIMER'; do
      echo "holds tx_room$form$out"
    done
    for out in OUT_ARM_MB OUT_DEVICE_MB 'TRY_FIRST OUT_ISR_ACK_MB' 'NO_TIMER OUT_ARM_MB' \
      NO_RECHECK 'NO_TIMER NO_RECHECK' 'TRY_FIRST RESUME_ANYWAY' 'TRY_FIRST SLEEP_ON_RESUME'; do
      echo "sleeps tx_room$form $out"
    done

    echo "holds poll$form"
    echo "sleeps poll$form OUT_ARM_MB"
  done
  echo "sleeps kick EVENT OLD_IS_NEW_LESS_1"
  echo "sleeps kick EVENT COMPARE_WITHOUT_WRAP"
  echo "sleeps tx_room EVENT ARM_ONCE"

  echo "holds poll EVENT OUT_ISR_ACK_MB" # that of virtq_arm() stands in for it
  for out in NO_RECHECK CLEAR_INTERRUPTED_LATE CLEAR_CONFIG_LATE MASK_AFTER_IDLE NO_IDLE; do
    echo "sleeps poll EVENT $out"
  done
  echo "holds poll EVENT N=1 C=1 SMP"
  echo "sleeps poll EVENT N=1 C=1 SMP OUT_ARM_MB"
  echo "holds poll EVENT N=0 C=2 SMP"
  echo "sleeps poll EVENT N=0 C=2 SMP OUT_CONFIG_MB"

  echo "holds ring"
  echo "holds ring TSO"
  for out in OUT_PUBLISH_WMB STORES_ONLY_PUBLISH OUT_TAKE_RMB OUT_DEVICE_RMB OUT_DEVICE_WMB \
    STORES_ONLY_DEVICE; do
    echo "stale ring $out"
  done
  echo "holds isr"
  for out in OUT_ISR_ACK_MB OUT_DEVICE_MB DRAIN_BEFORE_ACK; do
    echo "sleeps isr $out"
  done
  echo "holds mmio"
  for out in OUT_BEFORE_WRITE OUT_AFTER_READ OUT_DEVICE_MB; do
    echo "stale mmio $out"
  done
}

need_tools() {
  if ! command -v spin > /dev/null; then
    echo "NOT RUN: spin is missing (Debian: apt-get install spin)"
    if [[ -n ${VIRTIOIF_NOT_RUN_LOG:-} ]]; then
      echo "spin: the model checker is not installed (Debian: spin)" >> "$VIRTIOIF_NOT_RUN_LOG"
    fi
    exit 77
  fi
  command -v "$cc" > /dev/null || fail "$cc is missing (Debian: apt-get install gcc)"
}

# The searching program of a model, in $work: build <compiler options> <model> <define>...
build() {
  local options=$1 model=$2 define
  shift 2

  [[ -f $here/$model.pml ]] || fail "there is no model $model; try --list"
  for define in "$@"; do
    grep -qw "${define%=*}" "$here/$model.pml" "$here/mem.pml" ||
      fail "$model.pml knows no $define; try --list"
  done
  # -I of the preprocessor, since Spin works on a copy; partial order reduction would not see that
  # the handler stops the loop of the same CPU.
  (cd "$work" && rm -f -- * && spin -E"-I$here" "${@/#/-D}" -a "$here/$model.pml" > spin.out) ||
    { cat "$work/spin.out"; fail "Spin does not understand $model.pml with: $*"; }
  # shellcheck disable=SC2086
  (cd "$work" && "$cc" -w -DSAFETY -DNOREDUCE $options -o pan pan.c)
}

# Search, and print what was found: holds, sleeps, stale, or why it is none of these.
search() {
  local code=0
  (cd "$work" && timeout "$hang_seconds" ./pan -n "-m$depth" -w21 > pan.out 2>&1) || code=$?
  if [[ $code -eq 124 ]]; then
    echo "no answer in $hang_seconds s"
  elif grep -q 'invalid end state (at' "$work/pan.out"; then
    echo "sleeps"
  elif grep -q 'assertion violated (' "$work/pan.out"; then
    echo "stale"
  elif grep -q 'errors: 0$' "$work/pan.out" &&
    ! grep -qE 'not completed|depth too small|out of memory' "$work/pan.out"; then
    echo "holds"
  else
    echo "search failed: $(head -n 1 "$work/pan.out")"
  fi
}

run_all() {
  local expected model defines found states bad=0 held=0 failed=0 options

  while read -r expected model defines; do
    # Compiling takes longer than most searches.
    options=-O0
    [[ "$model $expected" != 'poll holds' ]] || options=-O1
    # shellcheck disable=SC2086
    build "$options" "$model" $defines
    found=$(search)
    states=$(grep -oE '[0-9]+ states, stored' "$work/pan.out" | grep -oE '[0-9]+' || echo '?')
    if [[ $found != "$expected" ]]; then
      printf 'FAIL: %-60s %s, expected: %s\n' "$model $defines" "$found" "$expected"
      bad=$((bad + 1))
    elif [[ $found == holds ]]; then
      printf '%-6s %-60s %9s states\n' "$found" "$model $defines" "$states"
      held=$((held + 1))
    else
      printf '%-6s %-60s as it must\n' "$found" "$model $defines"
      failed=$((failed + 1))
    fi
  done < <(runs)
  echo "spin: $held hold, $failed fail as they must, $bad unexpected"
  [[ $bad -eq 0 && $held -gt 0 && $failed -gt 0 ]]
}

# Locations and CPUs by the names that the model gives them; the last state is left out.
name_numbers() {
  awk '
    function name_of(loc,    i) {
      for (i = loc; i > 0 && !(i in names); i--) {}
      return i == loc ? names[i] : names[i] "+" loc - i
    }
    FNR == NR && /^\/\* Locations/ { locations = 1 }
    FNR == NR && $2 == "LOCS" { locations = 0 }
    FNR == NR && $1 == "#define" && $3 ~ /^[0-9]+$/ {
      if (locations) names[$3] = $2
      if ($2 ~ /^(DRIVER|DEVICE|HANDLER)$/) cpus[$3] = tolower($2)
    }
    FNR == NR { next }
    /^\t\t|^ *[0-9]+:\tproc|^#processes|^spin:/ { exit }
    match($0, /^CPU [0-9]/) { $0 = cpus[substr($0, 5, 1)] substr($0, 6) }
    match($0, /\[[0-9]+\]/) {
      loc = substr($0, RSTART + 1, RLENGTH - 2)
      $0 = substr($0, 1, RSTART - 1) name_of(loc) substr($0, RSTART + RLENGTH)
    }
    { print }
  ' "$1" "$2"
}

trace() {
  local model=$1 found
  shift
  build '-O1 -DBFS' "$model" "$@"
  found=$(search)
  if [[ $found == sleeps || $found == stale ]]; then
    (cd "$work" && spin -E"-I$here" "${@/#/-D}" -T -t -k ./*.trail "$here/$model.pml" > story)
    name_numbers "$here/$model.pml" "$work/story"
  fi
  echo "$model $*: $found"
}

case ${1:-} in
--help | -h)
  sed -n '3,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
  ;;
--list)
  runs
  exit 0
  ;;
'' | --trace) ;;
*) fail "unknown option $1; try --help" ;;
esac

need_tools
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
if [[ ${1:-} == --trace ]]; then
  [[ $# -ge 2 ]] || fail "--trace needs the name of a model; try --list"
  trace "${@:2}"
else
  run_all
fi
