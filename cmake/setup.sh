# shellcheck shell=bash
# Set-up steps of examples/run.sh and tests/run.sh: Debian packages, the lwIP source, CMake presets.
# bash sources this file. Each step says one line when it has something to do and nothing otherwise;
# what cannot be done here ends the script with the cure and exit code 2.
# SPDX-License-Identifier: BSD-3-Clause

export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps some tools that ordinary users do not have on PATH

setup_root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
setup_dir=$setup_root/build/setup # logs, lock and half-done work
setup_cmake_minimum=3.25

# Debian's pytest belongs to Debian's python, which need not be the first one on PATH.
setup_python=/usr/bin/python3
[[ -x $setup_python ]] || setup_python=python3

setup_say() {
  printf '==> %s\n' "$*"
}

# setup_die CODE LINE...
setup_die() {
  local code=$1
  shift
  printf 'error: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '  %s\n' "$@" >&2
  exit "$code"
}

# A line for setup_die if the disk is nearly full, which a log on that disk may be too short to tell.
setup_disk_hint() {
  local free_mb
  free_mb=$(df -Pm -- "$setup_root" 2>/dev/null | awk 'NR == 2 { print $4 }')
  [[ -z $free_mb ]] || ((free_mb >= 64)) || printf 'only %d MB are free on that disk\n' "$free_mb"
}

setup_have() {
  command -v -- "$1" >/dev/null 2>&1
}

# setup_logged LOG COMMAND...: runs the command in a process group of its own, so that a signal to
# the script (see setup_on_signal) ends all that it started. LOG - leaves the output alone.
setup_logged() {
  local log=$1 status=0
  shift
  set -m
  if [[ $log == - ]]; then
    "$@" </dev/null &
  else
    "$@" </dev/null >>"$log" 2>&1 &
  fi
  setup_job=$!
  set +m
  wait "$setup_job" || status=$?
  setup_job=
  return "$status"
}

setup_job=

# Passes the signal on to the step at work and leaves with the usual exit code.
setup_on_signal() {
  local name=$1 code=$2
  trap '' INT TERM HUP
  if [[ -n $setup_job ]]; then
    kill -s "$name" -- "-$setup_job" 2>/dev/null || true
    wait "$setup_job" 2>/dev/null || true
  fi
  exit "$code"
}

# Makes the folder setup_temp, which goes when the script ends.
setup_make_temp() {
  [[ -n $setup_temp ]] || setup_temp=$(mktemp -d)
}

setup_temp=

setup_on_exit() {
  [[ -z $setup_temp ]] || rm -rf -- "$setup_temp"
}

setup_trap_signals() {
  trap setup_on_exit EXIT
  trap 'setup_on_signal INT 130' INT
  trap 'setup_on_signal TERM 143' TERM
  trap 'setup_on_signal HUP 129' HUP
}

setup_make_dir() {
  local hint=()
  if ! { mkdir -p "$setup_dir" && : >>"$setup_dir/lock"; } 2>/dev/null; then
    mapfile -t hint < <(setup_disk_hint)
    setup_die 2 "cannot write below $setup_root/build" "${hint[@]}" \
      "make it yours with chown -R, or work in a copy of the tree"
  fi
}

# One set-up at a time in this tree. setup_unlock ends it.
setup_lock() {
  setup_make_dir
  exec {setup_lock_fd}>>"$setup_dir/lock"
  if ! flock -n "$setup_lock_fd"; then
    setup_say "another set-up works in this folder: waiting for it"
    setup_logged - flock "$setup_lock_fd"
  fi
}

setup_unlock() {
  flock -u "$setup_lock_fd"
  exec {setup_lock_fd}>&-
}

# ---- Debian packages -----------------------------------------------------------------------------

# A compiler finds the file that it looks for by name (picolibc's specs live beside the compiler).
setup_compiler_finds() {
  setup_have "$1" && [[ $("$1" "-print-file-name=$2") == */* ]]
}

setup_has_header() {
  local compiler=$1 language=$2 header=$3
  setup_have "$compiler" &&
    printf '#include <%s>\n' stdarg.h stddef.h stdint.h setjmp.h "$header" |
    "$compiler" -x "$language" -fsyntax-only - >/dev/null 2>&1
}

# Whether what a Debian package brings is there, wherever it came from.
setup_has_package() {
  case $1 in
    picolibc-*) setup_compiler_finds "${1#picolibc-}-gcc" picolibc.specs ;;
    gcc-*) setup_have "${1#gcc-}-gcc" ;;
    g++) setup_has_header g++ c++ cstdint ;;
    libc6-dev) setup_has_header gcc c stdio.h ;;
    libc6-dev-*-cross) setup_has_cross_libc "$1" ;;
    libcmocka-dev) setup_has_header gcc c cmocka.h ;;
    llvm) setup_have llvm-cov && setup_have llvm-profdata ;;
    libclang-rt-dev) setup_clang_has_sanitizers ;;
    python3) setup_have "$setup_python" ;;
    python3-pytest) "$setup_python" -c 'import pytest' 2>/dev/null ;;
    ninja-build) setup_have ninja ;;
    qemu-user) setup_have qemu-s390x && setup_have qemu-arm ;;
    qemu-system-misc) setup_have qemu-system-riscv64 ;;
    qemu-system-arm) setup_have qemu-system-aarch64 ;;
    dnsmasq-base) setup_have dnsmasq ;;
    iproute2) setup_have ip ;;
    iputils-ping) setup_have ping ;;
    netcat-openbsd) setup_have nc && [[ $(nc -h 2>&1) == OpenBSD* ]] ;;
    procps) setup_have ps ;;
    xz-utils) setup_have xz ;;
    *) setup_have "$1" ;;
  esac
}

setup_has_cross_libc() {
  case $1 in
    *-armhf-*) setup_compiler_finds arm-linux-gnueabihf-gcc libc.so ;;
    *-s390x-*) setup_compiler_finds s390x-linux-gnu-gcc libc.so ;;
  esac
}

setup_clang_has_sanitizers() {
  setup_have clang && printf 'int main(void) { return 0; }\n' |
    clang -x c -fsanitize=address,undefined - -o "$setup_dir/probe" >/dev/null 2>&1
}

# Sets the array setup_missing to those of the given packages that are not there.
setup_find_missing() {
  local package
  setup_missing=()
  for package in "$@"; do
    setup_has_package "$package" || setup_missing+=("$package")
  done
}

# setup_packages PACKAGE... [-- PACKAGE...]: those after -- are handy and not needed: they are
# installed along with the others, but nobody is asked for root on their behalf.
setup_packages() {
  local needed=() handy=() package
  while (($# > 0)) && [[ $1 != -- ]]; do
    needed+=("$1")
    shift
  done
  shift || true
  setup_find_missing "${needed[@]}"
  if ((${#setup_missing[@]} > 0)); then
    needed=("${setup_missing[@]}")
    setup_find_missing "$@"
    handy=("${setup_missing[@]}")
    setup_install "${needed[@]}" "${handy[@]}"
    setup_find_missing "${needed[@]}"
    for package in "${setup_missing[@]}"; do
      setup_die 2 "the package $package is installed, yet what it brings is not found" \
        "is another tool of the same name first on PATH? $PATH"
    done
  fi
  setup_check_cmake
}

setup_check_cmake() {
  local have
  have=$(cmake --version | sed -n 's/^cmake version //p')
  printf '%s\n' "$setup_cmake_minimum" "$have" | sort -V -C ||
    setup_die 2 "cmake $have is too old: $setup_cmake_minimum or newer is needed (Debian 12 has it)"
}

setup_as_root=() # how to become root: nothing for root itself

# Ends the script with what to install.
setup_cannot_install() {
  local reason=$1
  shift
  setup_die 2 "$reason; please have it done:" "apt-get install --no-install-recommends $*"
}

setup_install() {
  local log=$setup_dir/apt.log
  setup_have apt-get ||
    setup_die 2 "no apt-get here; please install what Debian has in these packages:" "$*"
  if ((EUID != 0)); then
    setup_have sudo || setup_cannot_install "tools are missing that only root can add" "$@"
    setup_as_root=(sudo)
    [[ -t 0 ]] || setup_as_root=(sudo -n)
    "${setup_as_root[@]}" true || setup_cannot_install "tools are missing, and sudo refuses" "$@"
  fi
  setup_say "installing $# Debian packages: $*"
  : >"$log"
  # The package lists may be absent or too old to find the files; only then they are fetched.
  setup_apt_get "$log" install "$@" && return
  setup_apt_get "$log" update && setup_apt_get "$log" install "$@" && return
  tail -n 15 "$log" >&2
  setup_die 2 "apt-get failed (all of it: $log)" \
    "what was wanted: apt-get install --no-install-recommends $*"
}

# Runs in the foreground: dpkg is not to be killed half-way, and sudo may ask for a password.
setup_apt_get() {
  local log=$1 verb=$2 options=()
  shift 2
  [[ $verb != install ]] || options=(-y --no-install-recommends -o DPkg::Lock::Timeout=300)
  "${setup_as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C \
    apt-get -q -o Acquire::Retries=3 "${options[@]}" "$verb" "$@" </dev/null >>"$log" 2>&1
}

# ---- Debian's archive without the machine's apt --------------------------------------------------

# setup_make_apt NAME: sets apt to the folder of an apt of our own, beside the machine's: other
# sources, other lists, no hooks, no root needed.
setup_make_apt() {
  setup_make_temp
  apt=$setup_temp/$1
  chmod 755 "$setup_temp" # apt downloads as a user of its own when root calls it
  mkdir -p "$apt"/{lists,cache/archives}/partial "$apt/download"
  cat >"$apt/apt.conf" <<CONF
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
}

# setup_write_apt_source APT TYPE MIRROR SUITE
setup_write_apt_source() {
  local keys=/usr/share/keyrings/debian-archive-keyring.gpg signed=
  [[ ! -e $keys ]] || signed="[signed-by=$keys] "
  printf '%s %s%s %s main\n' "$2" "$signed" "$3" "$4" >"$1/sources.list"
}

# setup_own_apt APT ARGUMENT...: apt-get with that folder's sources.
setup_own_apt() {
  local apt=$1
  shift
  apt-get -c "$apt/apt.conf" -o "Dir::Etc::sourcelist=$apt/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null "$@"
}

# The Debian mirrors that this machine uses. Where its package lists were never fetched, they are
# fetched into our own folder first.
setup_debian_mirrors() {
  local apt=$1 log=$2 mirrors
  mirrors=$(setup_list_mirrors)
  if [[ -z $mirrors ]]; then
    apt-get -c "$apt/apt.conf" update </dev/null >>"$log" 2>&1 || true
    mirrors=$(setup_list_mirrors -c "$apt/apt.conf")
  fi
  printf '%s\n' "$mirrors"
}

setup_list_mirrors() {
  # The $(NAMES) are apt's, not the shell's.
  # shellcheck disable=SC2016
  apt-get "$@" indextargets --format '$(LABEL)|$(REPO_URI)' 2>/dev/null |
    sed -n 's/^Debian|//p' | sort -u
}

# ---- cmocka for another architecture -------------------------------------------------------------

# setup_cmocka ARCHITECTURE: Debian's cmocka for it in build/setup/ARCHITECTURE, though this machine
# installs no packages of that architecture. Returns 1 if the archive is not in reach.
setup_cmocka() {
  local architecture=$1 log=$setup_dir/cmocka-$1.log apt mirror
  [[ ! -f $setup_dir/$architecture/usr/include/cmocka.h ]] || return 0
  setup_have apt-get && setup_have dpkg-deb || return 1
  : >"$log"
  setup_say "fetching cmocka for $architecture"
  setup_make_apt "cmocka-$architecture"
  : >"$apt/status"
  cat >>"$apt/apt.conf" <<CONF
APT::Architecture "$architecture";
#clear APT::Architectures;
APT::Architectures { "$architecture"; };
CONF
  for mirror in $(setup_debian_mirrors "$apt" "$log"); do
    setup_write_apt_source "$apt" deb "$mirror" "$(setup_debian_suite)"
    setup_logged "$log" setup_download_cmocka "$apt" &&
      setup_unpack_cmocka "$apt/download" "$setup_dir/$architecture" "$log" && return
  done
  return 1
}

# The release that this machine runs: what is fetched has to go with its C library.
setup_debian_suite() {
  (
    # shellcheck source=/dev/null
    source /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-unstable}"
  )
}

setup_download_cmocka() {
  local own=("$1" -o "Dir::State::status=$1/status")
  setup_own_apt "${own[@]}" update && cd "$1/download" &&
    setup_own_apt "${own[@]}" download libcmocka0 libcmocka-dev
}

# Unpacks the packages beside their place and puts them there in one step.
setup_unpack_cmocka() {
  local from=$1 to=$2 log=$3 package
  rm -rf -- "$to.new" "$to"
  for package in "$from"/*.deb; do
    setup_logged "$log" dpkg-deb -x "$package" "$to.new" || return 1
  done
  mv -T -- "$to.new" "$to"
}

# ---- lwIP ----------------------------------------------------------------------------------------

setup_lwip_dir=$setup_root/lwip
setup_lwip_suite=trixie # its source package is the pinned release, src/ byte for byte
setup_lwip_sha256=83729c274c499d3348e9fbbe043a3113f3fa8953e7efddc7c21c7fcbb1f2b7b1

setup_has_lwip() {
  [[ -f $setup_lwip_dir/src/core/init.c && ! -e $setup_dir/lwip-unfinished ]]
}

# Packages that setup_lwip needs on this tree: print them, one a line.
setup_lwip_packages() {
  setup_has_lwip || printf 'xz-utils\n'
}

# Fills lwip/ unless it is filled: from the submodule's server, else from Debian's source package.
setup_lwip() {
  local log=$setup_dir/lwip.log
  ! setup_has_lwip || return 0
  : >"$log"
  if [[ -e $setup_dir/lwip-unfinished ]]; then
    setup_clear_lwip # the rest of an interrupted checkout
  fi
  mkdir -p -- "$setup_lwip_dir"
  [[ -z $(ls -A -- "$setup_lwip_dir") ]] ||
    setup_die 2 "lwip/ holds files, yet not lwIP's" "move them away: $setup_lwip_dir"
  if setup_git_serves_lwip "$log"; then
    setup_say "fetching lwIP: git submodule update --init lwip"
    ! setup_lwip_by_git "$log" || return 0
  fi
  setup_say "fetching lwIP: Debian's source package lwip of $setup_lwip_suite"
  ! setup_lwip_by_apt "$log" || return 0
  tail -n 15 "$log" >&2
  setup_lwip_failed "lwip/ is empty, and neither its server nor Debian's source package is in reach"
}

setup_lwip_failed() {
  local hint=()
  mapfile -t hint < <(setup_disk_hint)
  setup_die 2 "$1" "(all of it: $setup_dir/lwip.log)" "${hint[@]}" \
    "try again when the network is back, or fill the folder yourself:" \
    "git submodule update --init lwip" \
    "or unpack lwIP 2.2.1 (tag STABLE-2_2_1_RELEASE) into $setup_lwip_dir"
}

setup_clear_lwip() {
  find "$setup_lwip_dir" -mindepth 1 -delete 2>/dev/null || true
  rm -f -- "$setup_dir/lwip-unfinished"
}

# setup_git SECONDS ARGUMENT...: git that never prompts and has this much time.
setup_git() {
  local seconds=$1
  shift
  GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=true GIT_SSH_COMMAND='ssh -o BatchMode=yes' \
    timeout --foreground -k 5 "$seconds" git -C "$setup_root" "$@"
}

# A machine without a way to the server finds that out here, and soon.
setup_git_serves_lwip() {
  local log=$1 url
  setup_have git && [[ $(setup_git 5 rev-parse --show-prefix 2>/dev/null || echo none) == "" ]] &&
    [[ $(setup_git 5 ls-files -s lwip 2>/dev/null) == 160000\ * ]] || return 1
  url=$(setup_git 5 config submodule.lwip.url ||
    setup_git 5 config -f .gitmodules submodule.lwip.url) || return 1
  setup_logged "$log" setup_git 15 ls-remote "$url" HEAD
}

setup_lwip_by_git() {
  local log=$1
  touch "$setup_dir/lwip-unfinished"
  if setup_logged "$log" setup_git 180 submodule update --init --force lwip; then
    rm -f -- "$setup_dir/lwip-unfinished"
    setup_has_lwip && return
  fi
  setup_clear_lwip
  return 1
}

setup_lwip_by_apt() {
  local log=$1 apt mirror
  setup_have apt-get || return 1
  setup_make_apt lwip
  for mirror in $(setup_debian_mirrors "$apt" "$log"); do
    setup_write_apt_source "$apt" deb-src "$mirror" "$setup_lwip_suite"
    setup_logged "$log" setup_download_lwip "$apt" &&
      setup_unpack_lwip "$apt/download" "$log" && return
  done
  return 1
}

setup_download_lwip() {
  setup_own_apt "$1" update && cd "$1/download" &&
    setup_own_apt "$1" source --download-only --tar-only lwip
}

# Checks the tarball, unpacks it beside lwip/ and puts it there in one step.
setup_unpack_lwip() {
  local from=$1 log=$2 new=$setup_dir/lwip.new tarball sum
  for tarball in "$from"/lwip_*.orig.tar.xz; do
    sum=$(sha256sum -- "$tarball")
    if [[ ${sum%% *} != "$setup_lwip_sha256" ]]; then
      printf 'SHA-256 wanted: %s\n           got: %s\n' "$setup_lwip_sha256" "$sum" >>"$log"
      tail -n 2 "$log" >&2
      setup_lwip_failed "${tarball##*/} is not the file it should be; nothing was unpacked"
    fi
    rm -rf -- "$new"
    mkdir -- "$new"
    setup_logged "$log" tar -xJf "$tarball" -C "$new" --strip-components=1 --no-same-owner ||
      return 1
    mv -T -- "$new" "$setup_lwip_dir"
  done
  setup_has_lwip
}

# ---- builds --------------------------------------------------------------------------------------

# setup_build PRESET: configures and builds build/PRESET.
setup_build() {
  local preset=$1 dir=$setup_root/build/$1 fresh=()
  local configure_log=$setup_dir/$1-configure.log build_log=$setup_dir/$1-build.log
  : >"$configure_log"
  : >"$build_log"
  # A tree that was moved or copied with its build folder starts that folder again.
  if [[ -e $dir/CMakeCache.txt ]] &&
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$setup_root" "$dir/CMakeCache.txt"; then
    fresh=(--fresh)
  fi
  [[ -e $dir/CMakeCache.txt && ${#fresh[@]} == 0 ]] || setup_say "configuring $preset"
  CMAKE_GENERATOR=Ninja setup_logged "$configure_log" \
    cmake -S "$setup_root" --preset "$preset" "${fresh[@]}" ||
    setup_build_failed "cmake --preset $preset" "$configure_log"
  setup_logged "$build_log" setup_run_build "$preset" 3>&1 ||
    setup_build_failed "cmake --build build/$preset" "$build_log"
}

# Says so on file descriptor 3 once there is something to build.
setup_run_build() {
  local line said=false
  cmake --build "$setup_root/build/$1" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" 2>&1 |
    while IFS= read -r line; do
      printf '%s\n' "$line"
      if ! "$said" && [[ $line =~ ^\[.*\]\ (Building|Linking|Generating)\  ]]; then
        setup_say "building $1" >&3
        said=true
      fi
    done
}

# Shows the first error of a build, or else how the log ends.
setup_build_failed() {
  local hint=()
  mapfile -t hint < <(setup_disk_hint)
  sed -n '/^FAILED: /,$p' "$2" | grep . | head -n 40 >&2 || tail -n 40 "$2" >&2
  setup_die 1 "$1 failed (all of it: $2)" "${hint[@]}"
}
