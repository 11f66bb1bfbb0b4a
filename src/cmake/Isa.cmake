# SPDX-License-Identifier: Apache-2.0
# The element loops are compiled once per instruction set; the library chooses when it starts.
set(NWR_ISA_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(NWR_ISA_FLAGS_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq ${NWR_ISA_FLAGS_avx2})

set(NWR_ISAS baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
  list(APPEND NWR_ISAS avx2 avx512)
endif()

# Sets out to the sources that compile the file for every instruction set: the file itself as the
# baseline, and one generated wrapper for each other set, since flags belong to sources. Link the
# wrappers last: inline functions that other files share then keep their baseline code.
function(nwr_isa_sources out file)
  set(sources "")
  set(optimise "")
  if(NOT NWR_SANITIZE)
    set(optimise "$<$<NOT:$<CONFIG:Debug>>:-O3>") # loops vectorise fully at -O3 only
  endif()
  foreach(isa IN LISTS NWR_ISAS)
    if(isa STREQUAL "baseline")
      set(source "${file}")
    else()
      get_filename_component(name "${file}" NAME_WE)
      set(source "${PROJECT_BINARY_DIR}/isa/${name}_${isa}.cpp")
      file(CONFIGURE OUTPUT "${source}" CONTENT "#include \"${file}\"\n" @ONLY)
    endif()
    set_source_files_properties(
      "${source}" PROPERTIES COMPILE_DEFINITIONS "NWR_ISA=${isa}"
                             COMPILE_OPTIONS "${optimise};${NWR_ISA_FLAGS_${isa}}")
    list(APPEND sources "${source}")
  endforeach()
  set(${out} "${sources}" PARENT_SCOPE)
endfunction()
