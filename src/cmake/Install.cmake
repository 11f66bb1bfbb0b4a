# SPDX-License-Identifier: Apache-2.0
# Installation and packages, in components: runtime (the shared library), devel, tool, and cuda, whose
# rule stands beside its target.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package "${PROJECT_SOURCE_DIR}/src/package")
set(config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/noisewright")

install(
  TARGETS noisewright nwr_static
  EXPORT noisewright
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime NAMELINK_COMPONENT devel
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT devel
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(
  DIRECTORY "${PROJECT_SOURCE_DIR}/include/"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  COMPONENT devel
  FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/NOTICE" DESTINATION "${CMAKE_INSTALL_DOCDIR}"
        COMPONENT runtime)

install(
  EXPORT noisewright
  FILE noisewright-targets.cmake
  NAMESPACE noisewright::
  DESTINATION "${config_dir}"
  COMPONENT devel)
configure_package_config_file(
  "${package}/noisewright-config.cmake.in" "${PROJECT_BINARY_DIR}/noisewright-config.cmake"
  INSTALL_DESTINATION "${config_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/noisewright-config-version.cmake" COMPATIBILITY SameMajorVersion)
install(
  FILES "${PROJECT_BINARY_DIR}/noisewright-config.cmake"
        "${PROJECT_BINARY_DIR}/noisewright-config-version.cmake"
  DESTINATION "${config_dir}"
  COMPONENT devel)

# Relative to the file itself, so that the tree can be moved; absolute where a distribution says so.
file(RELATIVE_PATH pc_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${pc_prefix}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
endif()
foreach(dir LIBDIR INCLUDEDIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
    set(pc_${dir} "${CMAKE_INSTALL_${dir}}")
  else()
    set(pc_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
configure_file("${package}/noisewright.pc.in" "${PROJECT_BINARY_DIR}/noisewright.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/noisewright.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT devel)

if(TARGET noisewright_tool)
  # Found beside the library wherever the tree is moved to.
  file(RELATIVE_PATH up "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
  # In the build tree it is relative too, since what replaces it keeps its length: no path of the
  # builder's shall change the file's bytes.
  set_target_properties(noisewright_tool PROPERTIES INSTALL_RPATH "$ORIGIN/${up}" BUILD_RPATH_USE_ORIGIN ON)
  install(TARGETS noisewright_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tool)
  install(FILES "${PROJECT_SOURCE_DIR}/src/tool/noisewright.1"
          DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT tool)
endif()

if(PROJECT_IS_TOP_LEVEL)
  include(Package)
endif()
