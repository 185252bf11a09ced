# app.cmake: what the app breaker takes from the demos: the TCP echo and the counters.
#
# SPDX-License-Identifier: BSD-3-Clause

target_sources(${app} PRIVATE
  "${CMAKE_CURRENT_SOURCE_DIR}/apps/echo/services.c"
  "${CMAKE_CURRENT_SOURCE_DIR}/apps/echo/tcp_echo.c"
  "${CMAKE_CURRENT_SOURCE_DIR}/apps/web/counters.c")
target_include_directories(${app} PRIVATE
  "${CMAKE_CURRENT_SOURCE_DIR}/apps/echo"
  "${CMAKE_CURRENT_SOURCE_DIR}/apps/web")
