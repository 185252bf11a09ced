# warnings.cmake: the warnings that this project's own code is held to. For its own builds only:
# a project that adds virtioif keeps its own choice.
#
# SPDX-License-Identifier: BSD-3-Clause

include_guard(GLOBAL)

# virtioif_set_warnings(<target>...): strict warnings, as errors if VIRTIOIF_WERROR is on.
function(virtioif_set_warnings)
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE
      -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef
      $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
      $<$<BOOL:${VIRTIOIF_WERROR}>:-Werror>)
  endforeach()
endfunction()
