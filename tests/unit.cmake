# unit.cmake: each tests/unit/test_<name>.c is a program and the test unit.<name>; tests/forward has
# two with other configurations of lwIP, tests/small and tests/jumbo have one, tests/modern one with
# another of the driver.
#
# Driver, lwIP and port are compiled once more for it: the platform's side of the driver is the
# simulated one (sim_hal.h), so the code under test meets the simulated device of tests/sim.
#
# SPDX-License-Identifier: BSD-3-Clause

find_path(CMOCKA_INCLUDE_DIR cmocka.h)
find_library(CMOCKA_LIBRARY cmocka)
mark_as_advanced(CMOCKA_INCLUDE_DIR CMOCKA_LIBRARY)
if(NOT EXISTS "${CMOCKA_INCLUDE_DIR}/cmocka.h" OR NOT EXISTS "${CMOCKA_LIBRARY}")
  if(CMAKE_CROSSCOMPILING)
    set(cure "tests/run.sh fetches it for this preset")
  else()
    set(cure "Debian: apt-get install libcmocka-dev")
  endif()
  message(FATAL_ERROR
    "The unit tests need cmocka (${cure}); -DVIRTIOIF_BUILD_TESTS=OFF builds without tests.")
endif()

# virtioif_under_test(<target>...): driver and port, compiled for the tests. With VIRTIOIF_COVERAGE
# their objects count what was executed (tests/coverage).
function(virtioif_under_test)
  virtioif_set_warnings(${ARGN})
  if(VIRTIOIF_COVERAGE)
    foreach(target ${ARGN})
      target_compile_options(${target} PRIVATE --coverage)
      target_link_options(${target} INTERFACE --coverage)
    endforeach()
  endif()
endfunction()

# The device shares no source with the driver, so it knows none of its headers.
file(GLOB sim_sources CONFIGURE_DEPENDS sim/*.c)
add_library(sim STATIC ${sim_sources})
target_compile_features(sim PUBLIC c_std_11)
target_include_directories(sim PUBLIC sim)

virtioif_add_virtio(virtio_sim)
target_compile_definitions(virtio_sim PUBLIC VIRTIO_HAL_HEADER="sim_hal.h")
target_link_libraries(virtio_sim PUBLIC sim)
virtioif_add_lwip(lwip_sim DIR "${VIRTIOIF_LWIP_DIR}" OPTS unit/lwipopts)
virtioif_add_port(virtioif_sim LWIP lwip_sim VIRTIO virtio_sim)
virtioif_set_warnings(sim)
virtioif_under_test(virtio_sim virtioif_sim)

# What several tests share lies beside them under other names than test_*.c.
file(GLOB unit_tests CONFIGURE_DEPENDS unit/test_*.c)
file(GLOB unit_support CONFIGURE_DEPENDS unit/*.c)
list(REMOVE_ITEM unit_support ${unit_tests})

# virtioif_unit_support(<name> <library under test> <source>...): what tests of that library share.
function(virtioif_unit_support name library)
  add_library(${name} OBJECT ${ARGN})
  target_link_libraries(${name} PUBLIC ${library} "${CMOCKA_LIBRARY}")
  target_include_directories(${name} PUBLIC unit)
  target_include_directories(${name} SYSTEM PUBLIC "${CMOCKA_INCLUDE_DIR}")
  virtioif_set_warnings(${name})
endfunction()

# What each of them printed.
set(VIRTIOIF_UNIT_RESULTS "${CMAKE_CURRENT_BINARY_DIR}/unit-results")

# An emulated machine is there for the byte order and the size of pointers. These have nothing to do
# with them, or nothing that another one has not, and take long. Nor can it be told of 32 bits
# whether they are a pointer or a number of the same value.
if(CMAKE_CROSSCOMPILING)
  set(left_out faults jumbo mem modern_virtq race recover small small_rx small_tx)
  if(CMAKE_SIZEOF_VOID_P EQUAL 4)
    list(APPEND left_out exposure)
  endif()
else()
  set(left_out "")
endif()

# virtioif_unit_test(<name> <source> <support>): the program test_<name> and the test unit.<name>.
function(virtioif_unit_test name source support)
  if(name IN_LIST left_out)
    return()
  endif()
  add_executable(test_${name} "${source}")
  target_link_libraries(test_${name} PRIVATE ${support})
  virtioif_set_warnings(test_${name})
  add_test(NAME ${VIRTIOIF_TEST_PREFIX}unit.${name}
    COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/unit/run.sh" "${VIRTIOIF_UNIT_RESULTS}/${name}.txt"
      ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:test_${name}>)
  set_tests_properties(${VIRTIOIF_TEST_PREFIX}unit.${name} PROPERTIES
    LABELS unit TIMEOUT 300 FIXTURES_SETUP ${VIRTIOIF_TEST_PREFIX}unit_results
    ENVIRONMENT "UBSAN_OPTIONS=print_stacktrace=1;ASAN_OPTIONS=detect_stack_use_after_return=1")
endfunction()

virtioif_unit_support(unit_support virtioif_sim ${unit_support})
foreach(source IN LISTS unit_tests)
  get_filename_component(name "${source}" NAME_WE)
  string(REGEX REPLACE "^test_" "" name "${name}")
  virtioif_unit_test(${name} "${source}" unit_support)
endforeach()

# The same once more for a router.
virtioif_add_lwip(lwip_forward DIR "${VIRTIOIF_LWIP_DIR}" OPTS forward/lwipopts)
virtioif_add_port(virtioif_forward LWIP lwip_forward VIRTIO virtio_sim)
virtioif_under_test(virtioif_forward)
virtioif_unit_support(forward_support virtioif_forward ${unit_support})
virtioif_unit_test(forward forward/test_forward.c forward_support)

# And for one of IPv6 alone.
virtioif_add_lwip(lwip_forward6 DIR "${VIRTIOIF_LWIP_DIR}" OPTS unit/lwipopts)
target_compile_definitions(lwip_forward6 PUBLIC LWIP_IPV6_FORWARD=1)
virtioif_add_port(virtioif_forward6 LWIP lwip_forward6 VIRTIO virtio_sim)
virtioif_under_test(virtioif_forward6)
virtioif_unit_support(forward6_support virtioif_forward6 ${unit_support})
virtioif_unit_test(forward6 forward/test_forward6.c forward6_support)

# Without large frames.
virtioif_add_lwip(lwip_small DIR "${VIRTIOIF_LWIP_DIR}" OPTS unit/lwipopts)
target_compile_definitions(lwip_small PUBLIC VIRTIOIF_TSO=0 VIRTIOIF_LRO=0)
virtioif_add_port(virtioif_small LWIP lwip_small VIRTIO virtio_sim)
virtioif_under_test(virtioif_small)
virtioif_unit_support(small_support virtioif_small ${unit_support})
virtioif_unit_test(small small/test_small.c small_support)
virtioif_unit_test(small_rx unit/test_rx.c small_support)
virtioif_unit_test(small_tx unit/test_tx.c small_support)

# Jumbo frames.
virtioif_add_lwip(lwip_jumbo DIR "${VIRTIOIF_LWIP_DIR}" OPTS unit/lwipopts)
target_compile_definitions(lwip_jumbo PUBLIC VIRTIOIF_RX_BUF_BYTES=9088 VIRTIOIF_MTU=9000
  TCP_MSS=8960 TCP_WND=62720 TCP_SND_BUF=62720 TCP_SNDLOWAT=17920)
virtioif_add_port(virtioif_jumbo LWIP lwip_jumbo VIRTIO virtio_sim)
virtioif_under_test(virtioif_jumbo)
virtioif_unit_support(jumbo_support virtioif_jumbo ${unit_support})
virtioif_unit_test(jumbo jumbo/test_jumbo.c jumbo_support)

# The driver alone without the legacy interface.
virtioif_add_virtio(virtio_modern)
target_compile_definitions(virtio_modern PUBLIC VIRTIO_HAL_HEADER="sim_hal.h" VIRTIO_LEGACY=0)
target_link_libraries(virtio_modern PUBLIC sim)
virtioif_under_test(virtio_modern)
virtioif_unit_support(modern_support virtio_modern unit/nic.c unit/support.c)
virtioif_unit_test(modern modern/test_modern.c modern_support)
virtioif_unit_test(modern_virtq unit/test_virtq.c modern_support)
