# bench.cmake: the app bench, built with the lwipopts.h of the folder that includes this: the sources
# beside this file, the TCP echo of the app echo, and lwIP's web server with a page of our own, which
# lwIP's fs.c includes.
#
# SPDX-License-Identifier: BSD-3-Clause

set(bench_dir "${CMAKE_CURRENT_LIST_DIR}")
set(echo_dir "${CMAKE_CURRENT_SOURCE_DIR}/apps/echo")
target_sources(${app} PRIVATE
  "${bench_dir}/main.c"
  "${bench_dir}/transfer.c"
  "${echo_dir}/services.c"
  "${echo_dir}/tcp_echo.c")
target_include_directories(${app} PRIVATE "${bench_dir}" "${echo_dir}")

virtioif_add_lwip_app(lwip_apps_${app} LWIP lwip_${demo} APPS http)
target_include_directories(lwip_apps_${app} PRIVATE "${bench_dir}")
target_compile_definitions(lwip_apps_${app} PRIVATE HTTPD_FSDATA_FILE="pages.h")
set_target_properties(lwip_apps_${app} PROPERTIES EXCLUDE_FROM_ALL ON)
target_link_libraries(${app} PRIVATE lwip_apps_${app})
list(APPEND app_targets lwip_apps_${app})
