#!/usr/bin/env bash
# run.sh: build one way of using virtioif as its user would, and check the program that comes out.
#
# Each way is a project of this folder. It is built from nothing below the work folder, with the
# machine's own compiler and plain flags.
#
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
lwip=$top/lwip
work=${TMPDIR:-/tmp}/virtioif-consume

usage() {
  cat <<TEXT
usage: tests/consume/run.sh [--lwip DIR] [--work DIR] WAY...
  WAY      $(declare -F | sed -n 's/^declare -f way_//p' | tr '\n' ' ')
  --lwip   the lwIP tree (default: lwip/ of this tree)
  --work   where to build; WAY in it is removed first (default: $work)
TEXT
}

die() {
  echo "error: $*" >&2
  exit 2
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# configure PROJECT [OPTION...]: into $build, with the warnings of CMake itself as errors.
configure() {
  local project=$1
  shift
  cmake -S "$project" -B "$build" -G "Unix Makefiles" -Werror=dev -Werror=deprecated \
    -DCMAKE_C_FLAGS=-O0 -DCMAKE_CXX_FLAGS=-O0 -DVIRTIOIF_TOP="$top" -DLWIP="$lwip" "$@"
}

# expect TEXT PROGRAM: the program's output is TEXT.
expect() {
  local wanted=$1 got
  shift
  got=$("$@") || fail "$* ended with exit code $?: $got"
  [ "$got" = "$wanted" ] || fail "$* printed '$got', not '$wanted'"
  echo "ok: $got"
}

# The line of app.c, with the configuration's number of connections.
expect_app() {
  expect "app: lwIP $lwip_version, $1 TCP connections" "$build/app"
}

# read_file PATTERN: whether the compiler, by its own account, read such a file for the build.
read_file() {
  local list=$work/$way/dependencies
  find "$build" -name '*.o.d' -exec cat {} + >"$list"
  [ -s "$list" ] || fail "the compiler left no account of what it read"
  grep -qE "$1" "$list"
}

# A copy of the lwIP sources that a test may change.
copy_lwip() {
  mkdir "$work/$way/lwip"
  cp -R "$lwip/src" "$work/$way/lwip/src"
  # Some of lwIP's CMake files write there.
  mkdir "$work/$way/lwip/doc"
  [ ! -d "$lwip/doc/doxygen" ] || cp -R "$lwip/doc/doxygen" "$work/$way/lwip/doc/doxygen"
  lwip=$work/$way/lwip
}

# A line for each file of the lwIP tree: name, time of change, content.
lwip_state() {
  find "$lwip" -printf '%P %T@\n' | sort
  find "$lwip" -type f -exec cksum {} + | sort
}

way_add_subdirectory() {
  configure "$here/add_subdirectory"
  cmake --build "$build"
  expect_app 7
  if read_file "$top/port/lwipopts/"; then
    fail "the default lwipopts.h was used beside the user's own"
  fi
  if [ -n "$(find "$build" -name CTestTestfile.cmake)" ]; then
    fail "the user's project got tests of virtioif"
  fi
  cmake --install "$build" --prefix "$build/prefix"
  [ -z "$(find "$build/prefix" -type f 2>/dev/null)" ] || fail "virtioif installed itself as well"
}

# What a router is compiled with.
router_flags="-DIP_FORWARD=1 -DCHECKSUM_GEN_IP=0 -DCHECKSUM_GEN_TCP=0 -DCHECKSUM_GEN_UDP=0"
router_flags+=" -DCHECKSUM_GEN_ICMP=0 -DLWIP_CHECKSUM_CTRL_PER_NETIF=1"

# Driver and port as one file each, also for a router, which has more of the port.
way_unity() {
  local flags target
  for flags in -O0 "-O0 $router_flags"; do
    configure "$here/add_subdirectory" -DCMAKE_UNITY_BUILD=ON -DCMAKE_C_FLAGS="$flags"
    cmake --build "$build"
    expect_app 7
    for target in virtio virtioif; do
      [ "$(find "$build/virtioif/CMakeFiles/$target.dir" -name '*.o' | wc -l)" -eq 1 ] ||
        fail "$target is not one file"
    done
  done
}

way_cxx() {
  configure "$here/cxx"
  cmake --build "$build"
  expect "cxx: lwIP $lwip_version" "$build/app"
}

way_fetch_content() {
  local archive=$work/$way/virtioif.tar
  tar -C "$top" --exclude=./lwip --exclude=./build --exclude=./.git --exclude=__pycache__ \
    --transform='s,^\.,virtioif-release,' -cf "$archive" .
  configure "$here/fetch_content" -DVIRTIOIF_ARCHIVE="$archive" -DVIRTIOIF_LWIP_DIR="$lwip"
  cmake --build "$build"
  expect_app "$default_connections"
}

way_installed() {
  local prefix=$work/$way/prefix version
  cmake -S "$top" -B "$build/virtioif" -G "Unix Makefiles" -DCMAKE_C_FLAGS=-O0 \
    -DVIRTIOIF_BUILD_TESTS=OFF -DVIRTIOIF_DEFAULT_TARGETS=OFF
  cmake --build "$build/virtioif"
  cmake --install "$build/virtioif" --prefix "$prefix"
  # A package may be unpacked anywhere: nothing in it may point to where it was made.
  mv "$prefix" "$prefix-moved"
  if grep -rIl -e "$top" -e "$prefix/" "$prefix-moved"; then
    fail "the installed files above name the tree they come from"
  fi
  version=$(sed -n 's/^ *VERSION \([0-9.]*\)$/\1/p' "$top/CMakeLists.txt")
  build=$build/app
  configure "$here/installed" -DCMAKE_PREFIX_PATH="$prefix-moved" -DWANTED_VERSION="${version%.*}"
  cmake --build "$build"
  expect_app 7
  if read_file "$top/(virtio|port)/"; then
    fail "the source tree was used, not the installed package"
  fi
}

way_missing_lwip() {
  local said=$work/$way/said cure
  mkdir "$work/$way/empty"
  if configure "$here/add_subdirectory" -DVIRTIOIF_LWIP_DIR="$work/$way/empty" >"$said" 2>&1; then
    fail "a tree without lwIP was accepted"
  fi
  for cure in 'git submodule update --init lwip' '-DVIRTIOIF_LWIP_DIR='; do
    grep -qe "$cure" "$said" || fail "no word about $cure: $(cat "$said")"
  done
  echo "ok: refused, with the cures"
}

way_own_lwip_dir() {
  copy_lwip
  # As in lwIP 2.1, which has no such file.
  rm "$lwip/src/core/ipv4/acd.c"
  configure "$here/add_subdirectory" -DVIRTIOIF_LWIP_DIR="$lwip"
  cmake --build "$build"
  expect_app 7
  if read_file "$top/lwip/"; then
    fail "files of another lwIP than the user's own were used"
  fi
}

way_own_lwip_target() {
  configure "$here/own_lwip_target"
  cmake --build "$build"
  expect_app 7
  check_own_lwip
}

way_own_lwip_sources() {
  configure "$here/own_lwip_sources"
  cmake --build "$build"
  expect_app 7
  check_own_lwip
}

# lwIP was compiled once, and all of it with the project's own configuration.
check_own_lwip() {
  local count
  count=$(find "$build" -path '*/core/pbuf.c.o' | wc -l)
  [ "$count" -eq 1 ] || fail "lwIP was compiled $count times"
  if read_file "$top/port/(include/arch/cc|lwipopts/lwipopts)\.h"; then
    fail "the port's own cc.h or lwipopts.h was used beside the project's"
  fi
}

way_parallel_configure() {
  local round pids pid failed=0
  copy_lwip
  lwip_state >"$work/$way/before"
  for round in 1 2 3; do
    pids=()
    for build in "$work/$way/a$round" "$work/$way/b$round"; do
      configure "$here/add_subdirectory" -DVIRTIOIF_LWIP_DIR="$lwip" >"$build.log" 2>&1 &
      pids+=($!)
    done
    for pid in "${pids[@]}"; do
      wait "$pid" || failed=1
    done
    [ "$failed" -eq 0 ] || fail "$(cat "$work/$way"/*"$round.log")"
  done
  lwip_state | diff "$work/$way/before" - || fail "configuring wrote into the lwIP tree"
  echo "ok: six configurations of one lwIP tree, two at a time"
}

seen_from_make() {
  realpath --relative-to="$here/plain_make" -- "$1"
}

way_plain_make() {
  mkdir "$build"
  # Relative, since make knows no names with a space in them, and a tree's own may have one.
  make -C "$here/plain_make" VIRTIOIF="$(seen_from_make "$top")" LWIP="$(seen_from_make "$lwip")" \
    OUT="$(seen_from_make "$build")"
  expect_app 7
}

# The programs that the porting guide shows, those with #include lines, compile as they stand: the
# main loops for both kinds of system among them.
way_readme() {
  local guide=$top/port/README.md block system options count=0
  [ -e "$guide" ] || fail "there is no $guide"
  awk -v out="$work/$way/block" '
    /^```c( |$)/ { n++; inside = 1; next }
    /^```/ { inside = 0 }
    inside { print > (out n ".c") }
  ' "$guide"
  system=$lwip/contrib/ports/unix/port/include
  for block in "$work/$way"/block*.c; do
    grep -q '^#include' "$block" || continue
    count=$((count + 1))
    options=(-I "$top/port/lwipopts")
    if grep -qE 'tcpip|sys_thread' "$block"; then
      options+=(-DNO_SYS=0 -iquote "$system")
    fi
    cc -std=c11 -Wall -Wextra -Werror -fsyntax-only "${options[@]}" -I "$top/virtio/include" \
      -isystem "$lwip/src/include" -isystem "$top/port/include" "$block" ||
      fail "${block##*/} of $guide does not compile: $(cat "$block")"
  done
  [ "$count" -ge 2 ] || fail "$guide shows $count programs with #include lines, not two or more"
  echo "ok: $count programs of port/README.md"
}

way_read_only_lwip() {
  copy_lwip
  # Root may write all the same, so that what counts is the comparison.
  chmod -R a-w "$lwip"
  lwip_state >"$work/$way/before"
  configure "$here/add_subdirectory" -DVIRTIOIF_LWIP_DIR="$lwip"
  cmake --build "$build"
  expect_app 7
  lwip_state | diff "$work/$way/before" - || fail "the build wrote into the lwIP tree"
}

# What the compiler says of the port with the options of $1.
try_options() {
  local defined
  read -ra defined <<<"$1"
  cc -std=c11 -fsyntax-only "${defined[@]}" -I "$top/port/lwipopts" \
    -I "$top/virtio/include" -isystem "$lwip/src/include" -isystem "$top/port/include" \
    -iquote "$lwip/contrib/ports/unix/port/include" "$top/port/virtioif.c" 2>&1
}

# Options that cannot work: the word that an #error has to say, then what is defined. OK: the last
# that can.
way_refused_options() {
  local word options said count=0
  while read -r word options; do
    count=$((count + 1))
    if said=$(try_options "$options"); then
      [ "$word" = OK ] || fail "$options: accepted"
    else
      grep -q "#error.*$word" <<<"$said" || fail "$options: no #error about $word: $said"
    fi
  done <<'LIST'
LWIP_ARP -DLWIP_ARP=0
LWIP_SUPPORT_CUSTOM_PBUF -DLWIP_SUPPORT_CUSTOM_PBUF=0
ETH_PAD_SIZE -DETH_PAD_SIZE=2
IPV6_FRAG_COPYHEADER -DIPV6_FRAG_COPYHEADER=0
CHECKSUM_GEN -DIP_FORWARD=1
SYS_LIGHTWEIGHT_PROT -DNO_SYS=0 -DSYS_LIGHTWEIGHT_PROT=0
VIRTIOIF_MTU -DVIRTIOIF_MTU=2021
VIRTIOIF_MTU -DVIRTIOIF_MTU=1279
VIRTIOIF_TX_COPY_BYTES -DVIRTIOIF_TX_COPY_BYTES=1515
VIRTIOIF_RX_COPY_BYTES -DVIRTIOIF_RX_COPY_BYTES=2049
VIRTIOIF_RX_BUF_BYTES -DVIRTIOIF_RX_BUF_BYTES=1472
VIRTIOIF_RX_BUF_BYTES -DVIRTIOIF_RX_BUF_BYTES=2056
VIRTIOIF_RX_BUF_BYTES -DVIRTIOIF_RX_BUF_BYTES=65536
VIRTIOIF_MTU -DVIRTIOIF_RX_BUF_BYTES=8192 -DVIRTIOIF_MTU=8165
OK -DVIRTIOIF_MTU=2020
OK -DVIRTIOIF_RX_BUF_BYTES=8192 -DVIRTIOIF_MTU=8164
VIRTIOIF_TSO_PIECES -DVIRTIOIF_TSO_PIECES=17
VIRTIOIF_TSO_TABLES -DVIRTIOIF_TSO_TABLES=33
LIST
  echo "ok: $count sets of options"
}

way_superloop() {
  configure "$here/superloop"
  cmake --build "$build"
  expect "superloop: lwIP $lwip_version" "$build/app"
  expect "driver: no device" "$build/driver"
}

way_rtos() {
  configure "$here/rtos"
  cmake --build "$build"
  expect "rtos: lwIP $lwip_version" "$build/app"
}

way_threads() {
  local flags
  for flags in -O0 "-O0 -DLWIP_CHECKSUM_CTRL_PER_NETIF=1" "-O0 $router_flags"; do
    configure "$here/threads" -DCMAKE_C_FLAGS="$flags"
    cmake --build "$build"
    expect "threads: lwIP $lwip_version" "$build/app"
  done
}

way_two_configurations() {
  local count
  configure "$here/two_configurations"
  cmake --build "$build"
  expect "without IPv6, small netif" "$build/app_small"
  expect "with IPv6, large netif" "$build/app_large"
  count=$(find "$build" -name 'virtio_net.c.o' | wc -l)
  [ "$count" -eq 1 ] || fail "the driver was compiled $count times"
}

ways=()
while [ $# -gt 0 ]; do
  case $1 in
    --lwip | --work)
      [ $# -ge 2 ] || die "$1 needs a folder"
      if [ "$1" = --lwip ]; then lwip=$2; else work=$2; fi
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*) die "unknown option $1; --help lists them" ;;
    *) ways+=("$1") ;;
  esac
  shift
done
[ ${#ways[@]} -gt 0 ] || { usage >&2; exit 2; }
for tool in cmake make cc; do
  command -v "$tool" >/dev/null ||
    die "$tool is missing. Cure: apt-get install cmake build-essential"
done
[ -e "$lwip/src/core/init.c" ] ||
  die "there is no lwIP in $lwip. Cure: git submodule update --init lwip"
lwip=$(cd "$lwip" && pwd)
given_lwip=$lwip

number() {
  sed -n "s/^#define $1 *\([0-9]*\).*/\1/p" "$2"
}
init_h=$lwip/src/include/lwip/init.h
lwip_version=$(number LWIP_VERSION_MAJOR "$init_h").$(number LWIP_VERSION_MINOR "$init_h")
lwip_version+=.$(number LWIP_VERSION_REVISION "$init_h")
default_connections=$(number MEMP_NUM_TCP_PCB "$top/port/include/netif/virtioif_lwipopts.h")

for way in "${ways[@]}"; do
  declare -F "way_$way" >/dev/null || die "unknown way $way; --help lists them"
  lwip=$given_lwip
  # A tree made read-only by an earlier run.
  [ ! -e "$work/$way" ] || chmod -R u+w "$work/$way"
  rm -rf "${work:?}/$way"
  mkdir -p "$work/$way"
  work=$(cd "$work" && pwd)
  build=$work/$way/build
  "way_$way"
done
