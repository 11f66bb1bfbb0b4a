# SPDX-License-Identifier: Apache-2.0
# The flags that our own code is compiled and linked with.

# Language level and arithmetic: whatever includes src/math must have these, else bits differ.
function(nwr_compile_flags target)
  target_compile_features(${target} PRIVATE cxx_std_17 c_std_11)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF C_EXTENSIONS OFF)
  # No contraction: a fused multiply-add rounds once where two operations round twice, so results
  # would depend on the instruction set.
  target_compile_options(${target} PRIVATE -ffp-contract=off -fno-math-errno)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wundef)
endfunction()

# The library proper.
function(nwr_library_flags target)
  nwr_compile_flags(${target})
  set_target_properties(
    ${target} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden
                         VISIBILITY_INLINES_HIDDEN ON)
  # Signs of array indices: gcc's -Wconversion leaves them alone in C++, so clang's does here too.
  target_compile_options(${target} PRIVATE -Wconversion -Wno-sign-conversion)
  target_compile_options(${target} PRIVATE -fno-plt -fstack-protector-strong)
  target_compile_definitions(${target} PRIVATE NWR_BUILDING)
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/include"
                                               "${PROJECT_SOURCE_DIR}/src")
endfunction()

# The shared library: self-contained, and closed but for the names of the version script.
function(nwr_link_flags target map)
  target_link_options(${target} PRIVATE -Wl,-z,now,-z,relro,-z,noexecstack)
  set_target_properties(${target} PROPERTIES LINK_DEPENDS "${map}")
  if(NOT NWR_SANITIZE)
    # The C++ runtime is linked in: hosts bring runtimes and unwinders of their own that do not
    # agree with ours. Sanitizers need the shared one, and undefined symbols.
    target_link_options(
      ${target} PRIVATE -static-libstdc++ -static-libgcc -Wl,-z,defs -Wl,--exclude-libs,ALL
      "SHELL:-Xlinker \"--version-script=${map}\"")
  endif()
endfunction()
