# shellcheck shell=bash disable=SC2154
# The Linux guest that images are compared with: Debian's kernel package and an initramfs that holds
# the network drivers and linux_guest.c. bash sources this file behind cmake/setup.sh, whose names
# begin with setup_.
# SPDX-License-Identifier: BSD-3-Clause

linux_dir=$setup_root/build/bench/linux

# The Debian architecture, the suite and the compiler flags of a board. riscv64 is no part of older
# suites.
linux_settings() {
  case $1 in
    aarch64)
      linux_architecture=arm64
      linux_suite=bookworm
      linux_compiler=(aarch64-linux-gnu-gcc -no-pie -fno-pie)
      ;;
    riscv64)
      linux_architecture=riscv64
      linux_suite=trixie
      linux_compiler=(riscv64-unknown-elf-gcc -march=rv64imac -misa-spec=2.2 -mabi=lp64)
      linux_compiler+=(-mcmodel=medany -mno-relax)
      ;;
    *) return 1 ;;
  esac
}

# linux_prepare BOARD LOG: makes $linux_dir/BOARD/{kernel,init,*.ko}.
linux_prepare() {
  local board=$1 log=$2 dir=$linux_dir/$1
  linux_settings "$board" || return 1
  mkdir -p "$dir"
  if [[ ! -f $dir/kernel ]]; then
    setup_say "fetching Debian's Linux kernel for $linux_architecture"
    linux_fetch "$dir" "$log" || return 1
  fi
  "${linux_compiler[@]}" -std=gnu11 -O2 -Wall -Wextra -ffreestanding -nostdlib -static \
    -fno-stack-protector -fno-tree-loop-distribute-patterns \
    "$setup_root/tests/bench/linux_guest.c" -o "$dir/init" >>"$log" 2>&1
}

# Downloads with an apt set-up of our own, for another architecture than this machine's.
linux_fetch() {
  local dir=$1 log=$2 apt mirror mirrors
  setup_have apt-get && setup_have dpkg-deb || return 1
  setup_make_apt "linux-$linux_architecture"
  mirrors=$(setup_debian_mirrors "$apt" "$log") # while these are still this machine's sources
  cat >>"$apt/apt.conf" <<CONF
APT::Architecture "$linux_architecture";
APT::Architectures "$linux_architecture";
Dir::State::status "/dev/null";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
CONF
  for mirror in $mirrors; do
    setup_write_apt_source "$apt" deb "$mirror" "$linux_suite"
    setup_logged "$log" linux_download "$apt" && linux_unpack "$apt/download" "$dir" && return
  done
  return 1
}

# The package linux-image-<architecture> only depends on the kernel's own, whose name has the version.
linux_download() {
  local apt=$1 package
  apt-get -c "$apt/apt.conf" update || return 1
  package=$(apt-cache -c "$apt/apt.conf" depends "linux-image-$linux_architecture" |
    sed -n 's/^ *Depends: //p' | head -n 1)
  cd "$apt/download" && apt-get -c "$apt/apt.conf" download "$package"
}

linux_unpack() {
  local from=$1 dir=$2 module tree=$1/tree
  mkdir -p "$tree"
  dpkg-deb --fsys-tarfile "$from"/linux-image-*.deb |
    tar -x -C "$tree" --no-same-owner --wildcards '*/boot/vmlinu*' '*/net_failover.ko*' \
      '*/failover.ko*' '*/virtio_mmio.ko*' '*/virtio_net.ko*'
  find "$tree" -name '*.ko.xz' -exec xz -d {} +
  while IFS= read -r module; do
    mv -- "$module" "$dir/"
  done < <(find "$tree" -name '*.ko')
  mv -- "$tree"/boot/vmlinu* "$dir/kernel"
}
