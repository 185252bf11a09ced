# app.cmake: the app echo with the profile in this folder's lwipopts.h.
#
# SPDX-License-Identifier: BSD-3-Clause

include("${CMAKE_CURRENT_LIST_DIR}/../echo.cmake")
