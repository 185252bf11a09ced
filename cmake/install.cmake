# install.cmake: what `cmake --install` puts where.
#
# The driver is a library with headers. The port is installed as sources, to be compiled with the
# user's lwipopts.h by the functions of virtioif.cmake, which finds it as ../port in both trees.
#
# SPDX-License-Identifier: BSD-3-Clause

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(VIRTIOIF_INSTALL_CMAKEDIR "${CMAKE_INSTALL_LIBDIR}/cmake/virtioif")
set(VIRTIOIF_INSTALL_SHAREDIR "${CMAKE_INSTALL_DATADIR}/virtioif")

install(TARGETS virtio EXPORT virtioif-targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY virtio/include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY port/ DESTINATION "${VIRTIOIF_INSTALL_SHAREDIR}/port")
install(FILES cmake/virtioif.cmake DESTINATION "${VIRTIOIF_INSTALL_SHAREDIR}/cmake")
install(FILES LICENSE DESTINATION "${VIRTIOIF_INSTALL_SHAREDIR}" OPTIONAL)
install(EXPORT virtioif-targets NAMESPACE virtioif:: DESTINATION "${VIRTIOIF_INSTALL_CMAKEDIR}")

configure_package_config_file(cmake/virtioif-config.cmake.in virtioif-config.cmake
  INSTALL_DESTINATION "${VIRTIOIF_INSTALL_CMAKEDIR}"
  PATH_VARS VIRTIOIF_INSTALL_SHAREDIR)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/virtioif-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(
  FILES
    "${CMAKE_CURRENT_BINARY_DIR}/virtioif-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/virtioif-config-version.cmake"
  DESTINATION "${VIRTIOIF_INSTALL_CMAKEDIR}")
