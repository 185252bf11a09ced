# missing-tree.cmake: fails in the place of the tests of a build tree that is not there.
#
# SPDX-License-Identifier: BSD-3-Clause

message(FATAL_ERROR
  "build/${TREE} is missing. Cure: cmake --preset ${TREE} && cmake --build --preset ${TREE}")
