#!/usr/bin/env bash
# Builds a demo image and boots it in QEMU. On a fresh Debian machine it first gets what that takes.
# SPDX-License-Identifier: BSD-3-Clause
#
# What QEMU has to be told about a board stands in examples/board/qemu_virt_<board>/qemu.sh:
#   board_emulator            the QEMU program
#   board_emulator_variable   the environment variable that names another one
#   board_emulator_package    the Debian package it comes in
#   board_toolchain_packages  the Debian packages that build for the board
#   board_qemu_args           arguments for the machine, but -kernel and the network card
#   board_options_address     where the image looks for run-time options: three 32-bit words, the
#                             magic 0x56494f50, an IPv4 address as it lies in memory (first octet at
#                             the lowest address) and its prefix length

set -euo pipefail

here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=../cmake/setup.sh
source "$here/../cmake/setup.sh"

options_magic=0x56494f50
guest_http_port=80
guest_echo_port=7

board=riscv64
transport=
app=web
http_port=8080
echo_port=7007
netdev=
static=
build_only=false
extra_args=()

boards() {
  local dir
  for dir in "$here"/board/qemu_virt_*/qemu.sh; do
    dir=${dir%/qemu.sh}
    printf '%s\n' "${dir##*/qemu_virt_}"
  done
}

apps() {
  local dir
  for dir in "$here"/apps/*/; do
    basename -- "$dir"
  done
}

usage() {
  cat <<USAGE
usage: examples/run.sh [option]... [-- QEMU argument...]

Builds a demo image for VirtIO-net and lwIP and boots it in QEMU.

  --board BOARD         $(boards | paste -sd '|') (default: $board)
  --app APP             $(apps | paste -sd '|') (default: $app)
  --transport KIND      mmio|mmio-legacy: VirtIO over MMIO version 2 or 1 (default: QEMU's choice)
  --http-port N         this machine's port that leads to the web server (default: $http_port)
  --echo-port N         this machine's port that leads to the echo server (default: $echo_port);
                        0 takes any free port and prints it
  --netdev SPEC         QEMU network in place of the user-mode one, say
                        tap,ifname=tap0,script=no,downscript=no
  --static ADDR/LEN     address of the image, without DHCP: 10.0.2.15/24, say
  --build-only          build, do not boot
  --help                print this
  -- ...                everything after it goes to QEMU

QEMU_SYSTEM_RISCV64 and QEMU_SYSTEM_AARCH64 name other QEMU programs.
Ctrl-C or Ctrl-A X leaves. The exit code is the image's; 2 means that something is missing, an
argument is wrong or a port is taken.
USAGE
}

usage_error() {
  printf 'error: %s\n\n' "$1" >&2
  usage >&2
  exit 2
}

# ---- arguments -----------------------------------------------------------------------------------

parse_arguments() {
  while (($# > 0)); do
    case $1 in
      --help | -h)
        usage
        exit 0
        ;;
      --build-only) build_only=true ;;
      --)
        shift
        extra_args=("$@")
        break
        ;;
      --*=*)
        set_option "${1%%=*}" "${1#*=}"
        ;;
      --*)
        (($# > 1)) || set_option "$1"
        set_option "$1" "$2"
        shift
        ;;
      *) usage_error "what is '$1'? QEMU's own arguments come after --" ;;
    esac
    shift
  done
}

set_option() {
  case $1 in
    --board | --app | --transport | --http-port | --echo-port | --netdev | --static) ;;
    --build-only | --help) usage_error "$1 takes no value" ;;
    *) usage_error "there is no option $1" ;;
  esac
  [[ -n ${2:-} ]] || usage_error "$1 wants a value"
  case $1 in
    --board) board=$(one_of "$2" "$(boards)") || usage_error "there is no board '$2'" ;;
    --app) app=$(one_of "$2" "$(apps)") || usage_error "there is no app '$2'" ;;
    --transport)
      transport=$(one_of "$2" $'mmio\nmmio-legacy') || usage_error "there is no transport '$2'"
      ;;
    --http-port) http_port=$(port_number "$2") || usage_error "$1 wants 0 to 65535, not '$2'" ;;
    --echo-port) echo_port=$(port_number "$2") || usage_error "$1 wants 0 to 65535, not '$2'" ;;
    --netdev) netdev=$2 ;;
    --static) check_static "$2" && static=$2 ;;
  esac
}

# one_of WORD LINES: prints the word if it is one of the lines.
one_of() {
  grep -xF -- "$1" <<<"$2"
}

port_number() {
  [[ $1 =~ ^[0-9]{1,5}$ ]] && ((10#$1 <= 65535)) && printf '%d\n' "$((10#$1))"
}

check_static() {
  local octet='([0-9]{1,3})' i
  [[ $1 =~ ^$octet\.$octet\.$octet\.$octet/([0-9]{1,2})$ ]] ||
    usage_error "--static wants an address and a prefix length such as 10.0.2.15/24, not '$1'"
  for i in 1 2 3 4; do
    ((10#${BASH_REMATCH[i]} <= 255)) || usage_error "--static: '$1' is no IPv4 address"
  done
  ((10#${BASH_REMATCH[1]} >= 1 && 10#${BASH_REMATCH[1]} <= 223 && 10#${BASH_REMATCH[1]} != 127)) ||
    usage_error "--static: '$1' is no address for a host"
  ((10#${BASH_REMATCH[5]} >= 1 && 10#${BASH_REMATCH[5]} <= 30)) ||
    usage_error "--static: the prefix length is 1 to 30"
}

# ---- ports of this machine -----------------------------------------------------------------------

# The forwards that the app is good for: lines of PROTOCOL HOST_PORT GUEST_PORT OPTION.
forwards() {
  [[ -z $netdev ]] || return 0
  [[ $app == echo ]] || printf 'tcp %d %d --http-port\n' "$http_port" "$guest_http_port"
  printf 'tcp %d %d --echo-port\n' "$echo_port" "$guest_echo_port"
  [[ $app != echo ]] || printf 'udp %d %d --echo-port\n' "$echo_port" "$guest_echo_port"
}

# Whether a socket of this machine would be in the way of one at 127.0.0.1. The kernel's tables show
# addresses and ports in hexadecimal, and 0A is the state of a listening TCP socket.
port_is_taken() {
  local protocol=$1 port=$2 state=07 any
  any='(00000000|0100007F|0{32}|0{16}FFFF0000(00000000|0100007F))'
  [[ $protocol != tcp ]] || state=0A
  grep -qsE "^ *[0-9]+: $any:$(printf '%04X' "$port") [0-9A-F]+:[0-9A-F]{4} $state " \
    "/proc/net/$protocol" "/proc/net/${protocol}6"
}

check_ports() {
  local protocol port guest option seen=' '
  while read -r protocol port guest option; do
    ((port != 0)) || continue
    [[ $seen != *" $protocol$port "* ]] ||
      usage_error "--http-port and --echo-port cannot both be $port"
    seen+="$protocol$port "
    ! port_is_taken "$protocol" "$port" ||
      setup_die 2 "${protocol^^} port $port of this machine is in use" \
        "choose another with $option N, or any free one with $option 0"
  done < <(forwards)
}

# ---- QEMU's command line -------------------------------------------------------------------------

qemu_args=()

add_user_network() {
  local spec=user,id=net0 guest='' protocol port guest_port
  if [[ -n $static ]]; then
    spec+=,net=$static
    guest=${static%/*}
  fi
  while read -r protocol port guest_port _; do
    spec+=,hostfwd=$protocol:127.0.0.1:$port-$guest:$guest_port
  done < <(forwards)
  qemu_args+=(-netdev "$spec" -device "virtio-net-device,netdev=net0")
}

add_given_network() {
  local id=net0
  if [[ $netdev =~ (^|,)id=([^,]+) ]]; then
    id=${BASH_REMATCH[2]}
  else
    netdev+=,id=$id
  fi
  qemu_args+=(-netdev "$netdev" -device "virtio-net-device,netdev=$id")
}

# add_option_word INDEX VALUE: has QEMU write a little-endian word into the image's memory.
add_option_word() {
  local address
  address=$(printf '0x%x' "$((board_options_address + 4 * $1))")
  qemu_args+=(-device "loader,addr=$address,data=$2,data-len=4")
}

add_static() {
  local a b c d length
  IFS=./ read -r a b c d length <<<"$static"
  add_option_word 0 "$options_magic"
  add_option_word 1 "$((10#$d << 24 | 10#$c << 16 | 10#$b << 8 | 10#$a))"
  add_option_word 2 "$((10#$length))"
}

make_qemu_args() {
  qemu_args=("${board_qemu_args[@]}" -no-reboot -kernel "$image")
  # What -nographic would do by itself, except that Ctrl-C ends QEMU.
  qemu_args+=(-chardev "stdio,id=console,mux=on,signal=on")
  qemu_args+=(-serial chardev:console -mon chardev=console)
  case $transport in
    mmio) qemu_args+=(-global virtio-mmio.force-legacy=false) ;;
    mmio-legacy) qemu_args+=(-global virtio-mmio.force-legacy=true) ;;
  esac
  if [[ -n $netdev ]]; then add_given_network; else add_user_network; fi
  qemu_args+=(-device virtio-rng-device) # the seed of the image's random numbers
  [[ -z $static ]] || add_static
  if [[ $(forwards) == *' 0 '* ]]; then
    # A second monitor, for the script: it tells which ports QEMU chose.
    mkfifo "$setup_temp/monitor.in" "$setup_temp/monitor.out"
    qemu_args+=(-chardev "pipe,id=ports,path=${setup_temp//,/,,}/monitor" -mon chardev=ports)
  fi
  qemu_args+=("${extra_args[@]}")
}

# ---- what to try ---------------------------------------------------------------------------------

# host_port PROTOCOL PORT GUEST_PORT: the port of this machine that leads there.
host_port() {
  local line text='' address='[0-9.]+' pattern
  pattern="${1^^}\\[HOST_FORWARD\\] +[0-9]+ +$address +([0-9]+) +$address +$3 "
  if (($2 != 0)); then
    printf '%d\n' "$2"
    return
  fi
  printf 'info usernet\n' 1<>"$setup_temp/monitor.in" # <> never blocks, > would without QEMU
  while [[ ! $text =~ $pattern ]]; do
    IFS= read -r -t 0.2 line || kill -0 "$qemu_pid" 2>/dev/null || return 0
    text+=$line
  done <>"$setup_temp/monitor.out"
  printf '%d\n' "${BASH_REMATCH[1]}"
}

print_try() {
  local protocol=$1 host=$2 port=$3 guest_port=$4
  case $protocol-$guest_port in
    tcp-"$guest_http_port") printf '      curl http://%s/\n' "$host${port:+:$port}" ;;
    tcp-*) printf '      echo hello | nc -N %s %s\n' "$host" "$port" ;;
    udp-*) printf '      echo hello | nc -u -w 1 %s %s\n' "$host" "$port" ;;
  esac
}

print_hints() {
  local address=$1 protocol port guest_port
  setup_say "the image is up at $address; try from another terminal (Ctrl-C here leaves):"
  if [[ -n $netdev ]]; then
    [[ $app == echo ]] || print_try tcp "$address" '' "$guest_http_port"
    print_try tcp "$address" "$guest_echo_port" "$guest_echo_port"
    return
  fi
  while read -r protocol port guest_port _; do
    port=$(host_port "$protocol" "$port" "$guest_port")
    print_try "$protocol" 127.0.0.1 "$port" "$guest_port"
  done < <(forwards)
}

# Reads the serial output and prints the hints at each line that tells a new address.
announce() {
  local address last='' hints
  while read -r _ _ address; do
    address=${address%$'\r'}
    [[ $address != "$last" ]] || continue
    last=$address
    hints=$(print_hints "$address")
    printf '%s\n' "$hints" # at one go: the image prints on
  done < <(grep -a --line-buffered '^virtioif: ready [0-9]')
}

# Passes on what QEMU prints as it comes, partial lines and all, and has a copy of it watched.
pass_on_output() {
  trap '' INT HUP TTOU
  tee "$setup_temp/errors.log" <"$setup_temp/errors" >&2 &
  { tee /dev/fd/4 4>&1 >&3 | announce >&3; } 3>&1 <"$setup_temp/output"
  wait
}

# ---- boot ----------------------------------------------------------------------------------------

qemu_pid=
output_pid=
terminal_state=

# ends_soon SIGNAL PID: repeats the signal for up to five seconds, until the process is gone.
ends_soon() {
  local tenths
  for ((tenths = 0; tenths < 50; tenths++)); do
    kill -s "$1" "$2" 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

stop_qemu() {
  ends_soon TERM "$qemu_pid" || kill -KILL "$qemu_pid" 2>/dev/null || true
}

leave_on_signal() {
  trap '' INT TERM HUP
  [[ -z $qemu_pid ]] || stop_qemu
  # What it still had to say gets out, unless nobody reads it.
  [[ -z $output_pid ]] || ends_soon 0 "$output_pid" || kill -- "-$output_pid" 2>/dev/null || true
  restore_terminal
  exit "$1"
}

restore_terminal() {
  [[ -z $terminal_state ]] || stty "$terminal_state" 2>/dev/null || true
}

# QEMU makes its input non-blocking. It gets the terminal opened anew, for that must not happen to
# the terminal that everyone else writes to.
open_keyboard() {
  if [[ -t 0 ]]; then
    terminal_state=$(stty -g)
    { exec {keyboard}</dev/tty; } 2>/dev/null || exec {keyboard}<&0
  else
    exec {keyboard}<&0
  fi
}

start_qemu() {
  local die_with_us=()
  ! setup_have setpriv || die_with_us=(setpriv --pdeathsig TERM)
  mkfifo "$setup_temp/output" "$setup_temp/errors"
  "${die_with_us[@]}" "$emulator" "${qemu_args[@]}" \
    <&"$keyboard" >"$setup_temp/output" 2>"$setup_temp/errors" &
  qemu_pid=$!
  set -m # a process group of its own: signals from the terminal are none of its business
  pass_on_output &
  output_pid=$!
  set +m
}

boot() {
  local status=0 ended=
  setup_make_temp
  make_qemu_args
  open_keyboard
  trap 'leave_on_signal 130' INT
  trap 'leave_on_signal 143' TERM
  trap 'leave_on_signal 129' HUP
  start_qemu
  # Either QEMU ends, or whoever reads our output goes away.
  wait -n -p ended "$qemu_pid" "$output_pid" || status=$?
  if [[ $ended != "$qemu_pid" ]]; then
    stop_qemu
    status=0
    wait "$qemu_pid" || status=$?
  fi
  qemu_pid=
  wait "$output_pid" || true
  restore_terminal
  report_end "$status"
}

report_end() {
  local status=$1 rule="Could not set up host forwarding rule '([a-z]+):[^:]*:([0-9]+)-"
  if [[ $(<"$setup_temp/errors.log") =~ $rule ]]; then
    setup_die 2 "QEMU could not open ${BASH_REMATCH[1]^^} port ${BASH_REMATCH[2]} of this machine" \
      "choose another with --http-port N or --echo-port N; 0 takes any free one"
  fi
  ((status == 0)) || printf 'error: QEMU ended with exit code %d\n' "$status" >&2
  exit "$status"
}

# ---- all of it -----------------------------------------------------------------------------------

find_emulator() {
  emulator=${!board_emulator_variable:-}
  if [[ -z $emulator ]]; then
    emulator=$board_emulator
    packages+=("$board_emulator_package")
    return
  fi
  setup_have "$emulator" ||
    setup_die 2 "$board_emulator_variable names '$emulator', which is no program here"
}

main() {
  # The machine's own compiler is for lwIP's makefsdata, which packs the pages of the app web.
  local packages=(cmake ninja-build gcc libc6-dev) handy=()
  parse_arguments "$@"
  # shellcheck source-path=SCRIPTDIR source=board/qemu_virt_riscv64/qemu.sh
  source "$here/board/qemu_virt_$board/qemu.sh"
  packages+=("${board_toolchain_packages[@]}")
  if ! "$build_only"; then
    find_emulator
    check_ports
    handy=(curl netcat-openbsd)
  fi
  setup_trap_signals
  setup_lock
  mapfile -t -O "${#packages[@]}" packages < <(setup_lwip_packages)
  setup_packages "${packages[@]}" -- "${handy[@]}"
  setup_lwip
  setup_build "$board"
  setup_unlock
  image=$setup_root/build/$board/examples/$app.elf
  [[ -f $image ]] || setup_die 1 "the build made no $image"
  if "$build_only"; then
    setup_say "built ${image#"$PWD/"}"
  else
    boot
  fi
}

main "$@"
