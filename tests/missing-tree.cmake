# missing-tree.cmake: stands in for the tests of a build tree that is not there. It fails, unless
# the log of what is NOT RUN says that the tree cannot be made on this machine.
#
# SPDX-License-Identifier: BSD-3-Clause

set(log "$ENV{VIRTIOIF_NOT_RUN_LOG}")
if(NOT log STREQUAL "" AND EXISTS "${log}")
  file(STRINGS "${log}" reasons REGEX "^${TEST}: ")
  if(reasons)
    message("NOT RUN: ${reasons}")
    return()
  endif()
endif()
message(FATAL_ERROR "build/${TREE} is missing. Cure: tests/run.sh, "
  "or cmake --preset ${TREE} && cmake --build --preset ${TREE}")
