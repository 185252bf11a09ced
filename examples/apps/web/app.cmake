# app.cmake: what the app web needs beside its own sources: the TCP echo of the app echo, and the
# files in fs/ as C arrays for lwIP's web server.
#
# lwIP's own tool makefsdata turns the files into C and puts an HTTP header in front of each. It
# runs during the build, so it is compiled for the machine that builds, with lwIP's own checksum.
#
# SPDX-License-Identifier: BSD-3-Clause

target_sources(${app} PRIVATE "${dir}/../echo/services.c" "${dir}/../echo/tcp_echo.c")
target_include_directories(${app} PRIVATE "${dir}/../echo")

find_program(VIRTIOIF_HOST_CC NAMES cc gcc clang
  DOC "C compiler for tools that run during the build")
if(NOT VIRTIOIF_HOST_CC)
  message(FATAL_ERROR
    "The web app needs a C compiler for this machine, to run lwIP's makefsdata. On Debian:\n"
    "  apt-get install gcc libc6-dev\n"
    "VIRTIOIF_HOST_CC names one that is not in the PATH.")
endif()

set(makefsdata "${CMAKE_CURRENT_BINARY_DIR}/makefsdata")
set(makefsdata_c "${VIRTIOIF_LWIP_DIR}/src/apps/http/makefsdata/makefsdata.c")
add_custom_command(OUTPUT "${makefsdata}"
  COMMAND "${VIRTIOIF_HOST_CC}" -O1 -w
    -DLWIP_CHKSUM=lwip_standard_chksum -DLWIP_CHKSUM_ALGORITHM=2
    -I "${CMAKE_CURRENT_SOURCE_DIR}/demo"
    -I "${VIRTIOIF_LWIP_DIR}/src/include"
    -I "${CMAKE_CURRENT_SOURCE_DIR}/../port/include"
    -o "${makefsdata}" "${makefsdata_c}"
  DEPENDS "${makefsdata_c}" "${CMAKE_CURRENT_SOURCE_DIR}/demo/lwipopts.h"
  COMMENT "Building lwIP's makefsdata for this machine"
  VERBATIM)

# It writes temporary files into the folder it runs in, and paths longer than 255 bytes overflow it.
set(fsdata_dir "${CMAKE_CURRENT_BINARY_DIR}/fsdata")
file(MAKE_DIRECTORY "${fsdata_dir}")
file(GLOB_RECURSE pages CONFIGURE_DEPENDS "${dir}/fs/*")
add_custom_command(OUTPUT "${fsdata_dir}/fsdata_web.c"
  COMMAND "${CMAKE_COMMAND}" -E rm -rf fs
  COMMAND "${CMAKE_COMMAND}" -E copy_directory "${dir}/fs" fs
  COMMAND "${makefsdata}" fs -11 -nossi -f:fsdata_web.c > makefsdata.log
  WORKING_DIRECTORY "${fsdata_dir}"
  DEPENDS "${makefsdata}" ${pages}
  COMMENT "Converting the pages of the app web"
  VERBATIM)

# lwIP's fs.c includes the file, so it is no source of its own.
set_source_files_properties("${fsdata_dir}/fsdata_web.c" PROPERTIES HEADER_FILE_ONLY ON)
target_sources(lwip_apps_demo PRIVATE "${fsdata_dir}/fsdata_web.c")
target_include_directories(lwip_apps_demo PRIVATE "${fsdata_dir}")
target_compile_definitions(lwip_apps_demo PRIVATE HTTPD_FSDATA_FILE="fsdata_web.c")
