# board.cmake: how to build for this board. What the names mean: examples/README.md, "Add a board".
#
# SPDX-License-Identifier: BSD-3-Clause

include("${CMAKE_CURRENT_LIST_DIR}/../common/common.cmake")

set(BOARD_SOURCES
  "${CMAKE_CURRENT_LIST_DIR}/start.S"
  "${CMAKE_CURRENT_LIST_DIR}/board.c"
  ${common_sources})

# Interrupt handlers save no floating point registers, so none of our code may use them. picolibc's
# printf() does, which is why handlers must not print.
# The MMU is on before any C code runs, so unaligned accesses are fine, and spare lwIP's packed
# headers from being read byte by byte. Aligned code is of no use to QEMU, and 8 kB more.
set(BOARD_COMPILE_OPTIONS
  -ffunction-sections
  -fdata-sections
  -falign-functions=4
  -falign-jumps=1
  -falign-loops=1
  -mno-strict-align
  $<$<COMPILE_LANGUAGE:C>:-mgeneral-regs-only>)

# The first 2 MiB of RAM are left to QEMU's device tree. 64 of the 128 MiB are used, so the run-time
# options at the end are out of the way.
set(BOARD_LINK_OPTIONS
  ${common_link_options}
  -Wl,--defsym=__flash=0x40200000
  -Wl,--defsym=__flash_size=0x400000
  -Wl,--defsym=__ram=0x40600000
  -Wl,--defsym=__ram_size=0x3a00000)
