# fuzz.cmake: the fuzz targets, and the tests fuzz.<target> that run each for a few seconds.
#
# Driver and port are compiled once more for it: with libFuzzer's counters, with those that
# llvm-cov turns into coverage, and with waits that are over soon. lwIP has no counters: the fuzzer
# looks for new paths through driver and port.
#
# SPDX-License-Identifier: BSD-3-Clause

set(fuzz_counters -O1 -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)

virtioif_add_virtio(virtio_fuzz)
target_compile_definitions(virtio_fuzz
  PUBLIC VIRTIO_HAL_HEADER="sim_hal.h" VIRTIO_WAIT_READS=100)
target_include_directories(virtio_fuzz PUBLIC sim)
target_compile_options(virtio_fuzz PRIVATE ${fuzz_counters})
virtioif_set_warnings(virtio_fuzz)

# virtioif_fuzz_target(<name> <library> <source>...): the program fuzz_<name>.
function(virtioif_fuzz_target name library)
  add_executable(fuzz_${name} fuzz/fuzz.c ${ARGN})
  target_include_directories(fuzz_${name} PRIVATE fuzz unit)
  target_include_directories(fuzz_${name} SYSTEM PRIVATE "${CMOCKA_INCLUDE_DIR}")
  target_link_libraries(fuzz_${name} PRIVATE ${library})
  target_compile_options(fuzz_${name} PRIVATE -O1 -fsanitize=fuzzer-no-link)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer -fprofile-instr-generate)
  virtioif_set_warnings(fuzz_${name})
endfunction()

virtioif_fuzz_target(config virtio_fuzz fuzz/fuzz_config.c)
virtioif_fuzz_target(virtq virtio_fuzz fuzz/fuzz_virtq.c fuzz/virtq_model.c)

virtioif_add_lwip(lwip_fuzz DIR "${VIRTIOIF_LWIP_DIR}" OPTS unit/lwipopts)
target_compile_options(lwip_fuzz PRIVATE -O1)
virtioif_add_port(virtioif_fuzz LWIP lwip_fuzz VIRTIO virtio_fuzz)
target_compile_options(virtioif_fuzz PRIVATE ${fuzz_counters})
virtioif_set_warnings(virtioif_fuzz)
virtioif_fuzz_target(virtio_net virtioif_fuzz
  fuzz/fuzz_virtio_net.c fuzz/fuzz_device.c fuzz/fuzz_frame.c fuzz/fuzz_lies.c fuzz/fuzz_rings.c
  fuzz/fuzz_send.c fuzz/fuzz_stack.c unit/support_lwip.c)
target_link_options(fuzz_virtio_net PRIVATE -Wl,--wrap=memp_malloc)

# Seeds: the unit tests once more, linked so that what they do is written down (record.h).
set(fuzz_wraps)
foreach(source record record_net record_virtio)
  file(STRINGS fuzz/${source}.c wraps REGEX "^WRAP\\(")
  foreach(wrap IN LISTS wraps)
    string(REGEX REPLACE "^WRAP\\([^,]*, ([a-z0-9_]+),.*" "\\1" wrap "${wrap}")
    list(APPEND fuzz_wraps "-Wl,--wrap=${wrap}")
  endforeach()
endforeach()
list(REMOVE_DUPLICATES fuzz_wraps)
add_library(fuzz_record OBJECT fuzz/record.c fuzz/record_net.c fuzz/record_virtio.c)
target_link_libraries(fuzz_record PUBLIC unit_support)
virtioif_set_warnings(fuzz_record)
set(fuzz_programs fuzz_config fuzz_virtio_net fuzz_virtq)
foreach(name faults large offload regressions rx tx virtio_mmio virtio_net virtioif virtq)
  add_executable(record_${name} $<TARGET_OBJECTS:test_${name}>)
  set_target_properties(record_${name} PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(record_${name} PRIVATE fuzz_record unit_support)
  target_link_options(record_${name} PRIVATE ${fuzz_wraps})
  list(APPEND fuzz_programs record_${name})
endforeach()
add_custom_target(fuzz_programs DEPENDS ${fuzz_programs})

# Tests. All of a kind work in one folder.
set(fuzz_command "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/run.sh" --build "${CMAKE_BINARY_DIR}")
add_test(NAME fuzz.seeds COMMAND ${fuzz_command} --seeds)
set_tests_properties(fuzz.seeds PROPERTIES
  LABELS fuzz TIMEOUT 300 COST 60 FIXTURES_SETUP fuzz_seeds)
foreach(target config virtio_net virtq)
  add_test(NAME fuzz.${target} COMMAND ${fuzz_command} --fresh --seconds 6 ${target})
  add_test(NAME fuzz.${target}.long COMMAND ${fuzz_command} --fresh --seconds 60 ${target})
  set_tests_properties(fuzz.${target} PROPERTIES LABELS fuzz TIMEOUT 300 COST 60)
  set_tests_properties(fuzz.${target}.long PROPERTIES LABELS "fuzz;long" TIMEOUT 600 COST 60)
  set_tests_properties(fuzz.${target} fuzz.${target}.long PROPERTIES
    FIXTURES_REQUIRED fuzz_seeds RESOURCE_LOCK fuzz_${target})
endforeach()
add_test(NAME fuzz.coverage COMMAND ${fuzz_command} --coverage)
set_tests_properties(fuzz.coverage PROPERTIES
  LABELS fuzz TIMEOUT 300 DEPENDS "fuzz.config;fuzz.virtio_net;fuzz.virtq")
