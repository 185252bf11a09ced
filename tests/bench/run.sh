#!/usr/bin/env bash
# Builds the images and measures them: instructions counted by a QEMU plugin, and ratios to Linux.
# SPDX-License-Identifier: BSD-3-Clause

set -euo pipefail

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=../../cmake/setup.sh
source "$here/../../cmake/setup.sh"
# shellcheck source-path=SCRIPTDIR source=linux.sh
source "$here/linux.sh"

bench_dir=$setup_root/build/bench
boards=()
profiles=()
quick=false
linux=false
bench_args=()

usage() {
  cat <<USAGE
usage: tests/bench/run.sh [option]...

Counts the guest instructions of a TCP echo round trip, a received and a sent segment and an HTTP
request, and prints them beside the baseline. tests/bench/README.md explains each figure.

  --board BOARD      riscv64|aarch64 (default: both)
  --transport KIND   mmio|mmio-legacy (default: mmio)
  --network NET      user|tap (default: both)
  --lwipopts NAME    lwIP options: default|throughput (default: both, user networking default only)
  --work WORK        echo|echo_16|rx|rx_lro|tx|tx_steady|tx_tso|get|get_16|idle (default: all)
  --quick            a few counts that need no rights: default lwIP options, user networking
  --runs N           count each N times and take the median (default: 3)
  --profile          print the functions behind each count
  --json FILE        write all figures as a list of rows
  --gate             fail if a count is more than 5 % worse than tests/bench/baseline.json
  --update-baseline  write the counts there
  --linux            compare rates with a Linux guest (Debian's kernel is fetched once)
  --boot             measure the time from QEMU's start to the first TCP answer
  --no-counts        only what --linux and --boot ask for
  --help             print this

--board, --transport, --network, --lwipopts and --work can be repeated. The exit code is 1 if a
count is worse than the gate allows, 2 if something is missing or an argument is wrong, 77 if counts
cannot be compared: the baseline was made with other tools, or the peer did something else.
USAGE
}

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --help | -h)
        usage
        exit 0
        ;;
      --board | --transport | --network | --lwipopts | --work | --runs | --json)
        (($# > 1)) || setup_die 2 "$1 wants a value; --help tells which"
        set_option "$1" "$2"
        shift
        ;;
      --quick)
        quick=true
        profiles=(default)
        bench_args+=("$1")
        ;;
      --linux) linux=true ;;
      --profile | --profile-symbols | --gate | --update-baseline | --boot | --no-counts) bench_args+=("$1") ;;
      *) setup_die 2 "there is no option '$1'; --help tells which" ;;
    esac
    shift
  done
  ((${#boards[@]} > 0)) || boards=(riscv64 aarch64)
  ((${#profiles[@]} > 0)) || profiles=(default throughput)
}

set_option() {
  local value=$2
  case $1 in
    --board)
      [[ -f $setup_root/examples/board/qemu_virt_$2/qemu.sh ]] ||
        setup_die 2 "there is no board '$2'"
      boards+=("$2")
      ;;
    --lwipopts) profiles+=("$2") ;;
    --json) value=$(readlink -m -- "$2") ;;
  esac
  bench_args+=("$1" "$value")
}

board_packages() {
  local board file
  for board in "${boards[@]}"; do
    file=$setup_root/examples/board/qemu_virt_$board/qemu.sh
    # shellcheck source=../../examples/board/qemu_virt_riscv64/qemu.sh
    (source "$file" && printf '%s\n' "$board_emulator_package" "${board_toolchain_packages[@]}")
  done
}

# The images: as they are shipped, and plain: without link-time optimization, which mixes the
# functions of the driver with others.
build_images() {
  local board profile targets=()
  for profile in "${profiles[@]}"; do
    [[ $profile != default ]] || profile=
    targets+=("bench${profile:+_$profile}")
  done
  for board in "${boards[@]}"; do
    setup_build "$board"
    setup_say "building ${targets[*]} for $board"
    build_targets "$board" "$setup_root/build/$board" -DVIRTIOIF_EXAMPLES_LTO=ON
    "$quick" || build_targets "$board" "$bench_dir/$board" -DVIRTIOIF_EXAMPLES_LTO=OFF
  done
}

# build_targets BOARD FOLDER OPTION: builds the array targets of the caller.
build_targets() {
  local log=$setup_dir/bench-$1.log
  {
    cmake -S "$setup_root" --preset "$1" -B "$2" "$3" &&
      cmake --build "$2" --target "${targets[@]}"
  } >"$log" 2>&1 || setup_build_failed "building ${targets[*]} for $1" "$log"
}

build_tools() {
  mkdir -p "$bench_dir"
  gcc -std=gnu11 -O2 -Wall -Wextra -shared -fPIC -o "$bench_dir/count.so" "$here/count.c"
  gcc -std=gnu11 -O2 -Wall -Wextra -o "$bench_dir/client" "$here/client.c"
}

prepare_linux() {
  local board log=$setup_dir/bench-linux.log
  : >"$log"
  for board in "${boards[@]}"; do
    linux_prepare "$board" "$log" && continue
    tail -n 5 "$log" >&2
    printf 'NOT RUN: bench: --linux: no Linux guest for %s (all of it: %s)\n' "$board" "$log"
    return
  done
  bench_args+=(--linux)
}

# A namespace of our own: its tap and its ports are nobody else's. Without the right to make one,
# user networking still works, and bench.py says that a tap does not.
namespace() {
  local way
  for way in "unshare --net" "unshare --map-root-user --net"; do
    # shellcheck disable=SC2086
    if $way true 2>/dev/null; then
      printf '%s\n' "$way"
      return
    fi
  done
}

main() {
  local packages=(cmake gcc iproute2 libc6-dev ninja-build procps python3)
  parse_arguments "$@"
  setup_trap_signals
  setup_lock
  mapfile -t -O "${#packages[@]}" packages < <(board_packages && setup_lwip_packages)
  setup_packages "${packages[@]}"
  setup_lwip
  build_images
  build_tools
  ! "$linux" || prepare_linux
  setup_unlock
  # shellcheck disable=SC2046
  PYTHONDONTWRITEBYTECODE=1 exec $(namespace) "$setup_python" "$here/bench.py" "${bench_args[@]}"
}

main "$@"
