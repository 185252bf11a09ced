# aarch64-linux-gnu.cmake: bare-metal aarch64 with picolibc, by the compiler that Debian has.
#
# Debian: gcc-aarch64-linux-gnu picolibc-aarch64-linux-gnu
#
# SPDX-License-Identifier: BSD-3-Clause

set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
# A program links only with a board's linker script.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# Code may run before the MMU is on, when unaligned accesses fault. The atomic helpers and position
# independence are this compiler's Linux habits; bare metal has neither the helpers nor a loader.
set(CMAKE_C_FLAGS_INIT
  "--specs=picolibc.specs -mcpu=cortex-a53 -mstrict-align -mno-outline-atomics -fno-pie")
set(CMAKE_ASM_FLAGS_INIT "${CMAKE_C_FLAGS_INIT}")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-no-pie -static")

# Runs a program that was linked with --oslib=semihost; its exit code passes through.
set(CMAKE_CROSSCOMPILING_EMULATOR
  qemu-system-aarch64 -M virt -cpu cortex-a53 -nographic -semihosting-config enable=on -kernel)
