# SPDX-License-Identifier: Apache-2.0
# Turns NWR_SANITIZE and NWR_FUZZ into flags for every target of this build, tests and examples included.
if(NWR_SANITIZE)
  string(REPLACE "," ";" nwr_sanitizers "${NWR_SANITIZE}")
  foreach(name IN LISTS nwr_sanitizers)
    if(NOT name MATCHES "^(address|undefined|thread|leak)$")
      message(FATAL_ERROR "NWR_SANITIZE: no sanitizer '${name}'; use address,undefined or thread")
    endif()
  endforeach()
  add_compile_options(-fsanitize=${NWR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${NWR_SANITIZE})
  # gcc 12 sees uninitialised members in its own <regex> once it is instrumented.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if("undefined" IN_LIST nwr_sanitizers)
    # Not part of 'undefined', and the conversions to half precision are where it would bite.
    add_compile_options(-fsanitize=float-cast-overflow)
  endif()
endif()
if(NWR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
