# shellcheck shell=bash disable=SC2034
# What QEMU has to be told about this board. bash sources this file; the head of examples/run.sh
# says what each variable means.
# SPDX-License-Identifier: BSD-3-Clause

board_emulator_variable=QEMU_SYSTEM_RISCV64
board_emulator=qemu-system-riscv64
board_emulator_package=qemu-system-misc
board_toolchain_packages=(gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf)
board_qemu_args=(-machine virt -bios none -m 128M -nographic)
board_options_address=0x87fff000 # the last 4 KiB of the RAM above
