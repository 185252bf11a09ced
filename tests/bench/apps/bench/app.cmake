# app.cmake: the app bench with the default profile.
#
# SPDX-License-Identifier: BSD-3-Clause

include("${CMAKE_CURRENT_LIST_DIR}/../bench.cmake")
