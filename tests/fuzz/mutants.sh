#!/usr/bin/env bash
#
# mutants.sh: put bugs into driver and port, one at a time, and see how soon each is found.
#
#   mutants.sh [--seconds N] [--work DIR] [NAME...]
#
# Each bug gets N seconds (300) with the seeds to begin with; a copy of the sources in DIR
# (build/mutants) is what is changed. Exit code: 0 all were found, 1 one was not, 2 a bug could not
# be put in any more because the line it changes is gone, or something is missing.
#
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$(dirname "$here")")
work=$top/build/mutants
seconds=300
names=()

# name | target | file | text in the file | text in its place
mutants() {
  cat <<'MUTANTS'
used-id-range | virtq | virtio/virtq_split.c | id < vq->size ? vq->shadow[id].count : 0 | vq->shadow[id].count
used-id-in-flight | virtq | virtio/virtq_split.c | if (count == 0) { | if (count == 0 && id >= vq->size) {
used-idx-jump | virtq | virtio/virtq_split.c | (uint16_t)(seen - vq->used_idx) > (uint16_t)(vq->published_idx - vq->used_idx) | false
used-idx-again | virtq | virtio/virtq_split.c | vq->used_seen == idx && !look_for_used(vq) | !look_for_used(vq)
refill-stale | virtq | virtio/virtq_split.c | if (first->token != *buffer) { | if (first->token == VIRTQ_NO_BUFFER) {
refill-room | virtq | virtio/virtq_split.c | vq->num_free < count ? vq->num_free : count | count
event-index | virtq | virtio/virtq_split.c | (uint16_t)(new - event - 1u) < (uint16_t)(new - old) | event == (uint16_t)(new - 1u)
net-used-id-range | virtio_net | virtio/virtq_split.c | id < vq->size ? vq->shadow[id].count : 0 | vq->shadow[id].count
net-used-id-in-flight | virtio_net | virtio/virtq_split.c | if (count == 0) { | if (count == 0 && id >= vq->size) {
rx-len-above | virtio_net | virtio/virtio_net.c | done.len > net->rx_pool.len | false
rx-len-below | virtio_net | virtio/virtio_net.c | done.len < header_bytes + VIRTIO_NET_ETH_HDR_BYTES | false
rx-more-len | virtio_net | virtio/virtio_net.c | if (done.len <= net->rx_pool.len) | if (true)
num-buffers | virtio_net | port/virtioif_rx.c | rx.len != 0 && rx.buffers - 1u < most_buffers(vif) | rx.len != 0
frame-64k | virtio_net | port/virtioif_rx.c | rx->len == 0 || part->len > 0xffffu - RX_COPY_PAD | rx->len == 0
rx-input-leak | virtio_net | port/virtioif_rx.c | if (err != ERR_OK) { | if (err != ERR_OK && false) {
csum-start | virtio_net | port/virtioif_csum.c | if (is_offset && field + sizeof(u16_t) <= p->len) { | if (is_offset) {
tx-reclaim | virtio_net | port/virtioif_recover.c | virtioif_tx_reclaim(vif); | /* nothing */
rx-reclaim | virtio_net | port/virtioif_recover.c | virtioif_rx_reclaim(vif); | /* nothing */
part-abandon | virtio_net | port/virtioif_recover.c | virtioif_rx_abandon(vif); | /* nothing */
run-abandon | virtio_net | port/virtioif_recover.c | virtioif_tso_abandon(vif); | /* nothing */
reset-forever | config | virtio/virtio.c | reads < VIRTIO_WAIT_READS | true
config-forever | config | virtio/virtio.c | reads < CONFIG_READS | true
queue-size | config | virtio/virtio_net.c | while (size > max) { | while (size > max && false) {
mtu-range | config | virtio/virtio_net.c | mtu >= VIRTIO_NET_MTU_MIN && mtu <= most | mtu >= VIRTIO_NET_MTU_MIN
mac-group | config | virtio/virtio_net.c | any != 0 && (net->mac[0] & 1u) == 0 | any != 0
feature-rules | config | virtio/virtio.c | accepted &= ~rules[i].feature; | (void)accepted;
MUTANTS
}

fail() {
  echo "mutants.sh: $1" >&2
  exit 2
}

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --seconds | --work)
        (($# > 1)) || fail "$1 wants a value"
        [[ $1 == --work ]] && work=$2 || seconds=$2
        shift
        ;;
      --help | -h)
        sed -n '2,/^# SPDX/s/^#\( \|$\)//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
      -*) fail "what is '$1'?" ;;
      *) names+=("$1") ;;
    esac
    shift
  done
  [[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "--seconds: '$seconds' is not a number"
  work=$(readlink -m -- "$work")
}

# A tree of its own: sources copied, lwIP referred to.
prepare() {
  mkdir -p -- "$work/source"
  for part in CMakeLists.txt CMakePresets.json cmake port tests virtio; do
    rm -rf -- "${work:?}/source/$part"
    cp -r -- "$top/$part" "$work/source/$part"
  done
  cmake -S "$work/source" --preset host-clang -B "$work/build" -G Ninja \
    -DVIRTIOIF_LWIP_DIR="$top/lwip" -DVIRTIOIF_WERROR=OFF >"$work/cmake.log" ||
    fail "cmake failed, see $work/cmake.log"
  cmake --build "$work/build" --target fuzz_programs >"$work/build.log" || fail "the build failed, see $work/build.log"
  "$here/run.sh" --build "$work/build" --seeds >"$work/seeds.log" || fail "see $work/seeds.log"
}

# Replaces the text, all of it, wherever it stands; at least once.
put_in() {
  OLD=$2 NEW=$3 /usr/bin/python3 - "$1" <<'PYTHON'
import os
import sys

old, new = os.environ["OLD"], os.environ["NEW"]
with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
if old not in text:
    sys.exit(1)
with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.write(text.replace(old, new))
PYTHON
}

# try NAME TARGET FILE OLD NEW
try() {
  local name=$1 target=$2 file=$3 start status=0
  put_in "$work/source/$file" "$4" "$5" || fail "$name: $file has no '$4'"
  cmake --build "$work/build" --target "fuzz_$target" >"$work/build.log" ||
    fail "$name: the build failed, see $work/build.log"
  start=$(date +%s)
  "$here/run.sh" --build "$work/build" --fresh --seconds "$seconds" "$target" \
    >"$work/$name.log" 2>&1 || status=$?
  cp -- "$top/$file" "$work/source/$file"
  case $status in
    0) printf '%-24s %-12s NOT FOUND in %s s\n' "$name" "$target" "$seconds" ;;
    1) printf '%-24s %-12s found in %s s\n' "$name" "$target" "$(($(date +%s) - start))" ;;
    *) fail "$name: see $work/$name.log" ;;
  esac
  return "$status"
}

main() {
  local name target file old new status=0
  parse_arguments "$@"
  prepare
  while IFS=$'\t' read -r name target file old new; do
    ((${#names[@]} == 0)) || [[ " ${names[*]} " == *" $name "* ]] || continue
    try "$name" "$target" "$file" "$old" "$new" </dev/null || status=1
  done < <(mutants | sed 's/ | /\t/g')
  return "$status"
}

main "$@"
