# riscv64-unknown-elf.cmake: bare-metal riscv64 with picolibc.
#
# Debian: gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf
#
# SPDX-License-Identifier: BSD-3-Clause

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_ASM_COMPILER riscv64-unknown-elf-gcc)
# A program links only with a board's linker script.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# ISA 2.2 still counts the CSR instructions to the base set. Naming _zicsr instead picks a library
# variant that does not link.
set(CMAKE_C_FLAGS_INIT
  "--specs=picolibc.specs -march=rv64imac -misa-spec=2.2 -mabi=lp64 -mcmodel=medany")
set(CMAKE_ASM_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")

# Runs a program that was linked with --oslib=semihost; its exit code passes through.
set(CMAKE_CROSSCOMPILING_EMULATOR
  qemu-system-riscv64 -M virt -bios none -nographic -semihosting-config enable=on -kernel)
