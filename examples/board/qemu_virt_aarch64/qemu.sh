# shellcheck shell=bash disable=SC2034
# What QEMU has to be told about this board. bash sources this file; the head of examples/run.sh
# says what each variable means.
# SPDX-License-Identifier: BSD-3-Clause

board_emulator_variable=QEMU_SYSTEM_AARCH64
board_emulator=qemu-system-aarch64
board_emulator_package=qemu-system-arm
board_toolchain_packages=(gcc-aarch64-linux-gnu picolibc-aarch64-linux-gnu)
board_qemu_args=(-machine virt -cpu cortex-a53 -m 128M -nographic)
# Semihosting is how the image ends QEMU with an exit code.
board_qemu_args+=(-semihosting-config "enable=on,target=native")
board_options_address=0x47fff000 # the last 4 KiB of the RAM above
