# SPDX-License-Identifier: Apache-2.0
# CPack: an archive and a Debian package for each component.
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_PACKAGE_VENDOR "Noisewright")
set(CPACK_PACKAGE_CONTACT "The Noisewright authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}/packages")
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime devel)
set(library "libnoisewright${nwr_ABI}")
set(same "${library} (= ${PROJECT_VERSION})")

set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# dpkg then tells the loader of the new library, and other packages which version they need.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# nwr_deb(COMPONENT name section depends description)
macro(nwr_deb component name section depends description)
  set(CPACK_DEBIAN_${component}_PACKAGE_NAME "${name}")
  set(CPACK_DEBIAN_${component}_PACKAGE_SECTION "${section}")
  set(CPACK_DEBIAN_${component}_PACKAGE_DEPENDS "${depends}")
  set(CPACK_DEBIAN_${component}_DESCRIPTION "${PROJECT_DESCRIPTION}: ${description}")
  # Where Debian has the licence; in no other installation.
  string(TOLOWER "${component}" lower)
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${name}"
          RENAME copyright COMPONENT ${lower} EXCLUDE_FROM_ALL)
endmacro()

nwr_deb(RUNTIME "${library}" libs "libc6" "the library")
nwr_deb(DEVEL libnoisewright-dev libdevel "${same}" "header, static library, CMake package")
if(TARGET noisewright_tool)
  list(APPEND CPACK_COMPONENTS_ALL tool)
  nwr_deb(TOOL noisewright science "${same}, libc6" "the program noisewright")
endif()
if(NWR_HAS_CUDA)
  list(APPEND CPACK_COMPONENTS_ALL cuda)
  nwr_deb(CUDA "libnoisewright-cuda${nwr_ABI}" contrib/libs "${same}, libc6" "the plugin for CUDA")
endif()

find_program(NWR_DPKG_SHLIBDEPS dpkg-shlibdeps)
mark_as_advanced(NWR_DPKG_SHLIBDEPS)
if(NWR_DPKG_SHLIBDEPS)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
endif()
include(CPack)
