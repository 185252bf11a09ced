# board.cmake: how to build for this board. What the names mean: examples/README.md, "Add a board".
#
# SPDX-License-Identifier: BSD-3-Clause

include("${CMAKE_CURRENT_LIST_DIR}/../common/common.cmake")

set(BOARD_SOURCES
  "${CMAKE_CURRENT_LIST_DIR}/start.S"
  "${CMAKE_CURRENT_LIST_DIR}/board.c"
  ${common_sources})

# QEMU's CPU takes unaligned accesses, which spares lwIP's packed headers from being read byte by
# byte. GCC believes it only with a tuning for a core that takes them as well.
set(BOARD_COMPILE_OPTIONS
  -ffunction-sections
  -fdata-sections
  -mno-strict-align
  -mtune=thead-c906)

# QEMU's reset vector jumps to the start of RAM. 64 of the 128 MiB are used, so the run-time options
# and the device tree near the end are out of the way.
set(BOARD_LINK_OPTIONS
  ${common_link_options}
  -Wl,--defsym=__flash=0x80000000
  -Wl,--defsym=__flash_size=0x400000
  -Wl,--defsym=__ram=0x80400000
  -Wl,--defsym=__ram_size=0x3c00000)
