# echo.cmake: the app echo, built with the lwipopts.h of the folder that includes this.
#
# SPDX-License-Identifier: BSD-3-Clause

file(GLOB echo_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/apps/echo/*.c")
target_sources(${app} PRIVATE ${echo_sources})
