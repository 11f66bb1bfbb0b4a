# SPDX-License-Identifier: Apache-2.0
# Targets: nwr_core and nwr_api (objects), noisewright (shared), nwr_static (the same objects).
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.9 QUIET)
if(NOT nlohmann_json_FOUND)
  message(FATAL_ERROR "nlohmann-json 3.9 or later is missing, which reads other libraries' "
                      "configurations; on Debian: apt-get install nlohmann-json3-dev")
endif()

set(src "${PROJECT_SOURCE_DIR}/src")
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS "${src}/core/*.cpp")
file(GLOB backend_sources CONFIGURE_DEPENDS "${src}/backend/*.cpp")
file(GLOB api_sources CONFIGURE_DEPENDS "${src}/api/*.cpp")

set(kernels "${src}/backend/cpu_kernels.cpp")
set(isa_sources "")
if(kernels IN_LIST backend_sources)
  list(REMOVE_ITEM backend_sources "${kernels}")
  nwr_isa_sources(isa_sources "${kernels}")
endif()

if(NWR_FUZZ)
  # Kernels see arrays that are checked: a fuzzer looks for addresses there and for no paths, and
  # instrumented in every way they take clang half an hour.
  set_property(SOURCE "${kernels}" ${isa_sources} APPEND
               PROPERTY COMPILE_OPTIONS -O0 -fno-sanitize=undefined,float-cast-overflow
                        -fno-sanitize=fuzzer-no-link)
endif()

add_library(nwr_core OBJECT ${core_sources} ${backend_sources} ${isa_sources})
# Headers alone: nothing of it is left for those who link the library.
target_link_libraries(nwr_core PRIVATE Threads::Threads nlohmann_json::nlohmann_json)
add_library(nwr_api OBJECT ${api_sources})
foreach(target nwr_core nwr_api)
  nwr_library_flags(${target})
endforeach()
set(objects $<TARGET_OBJECTS:nwr_api> $<TARGET_OBJECTS:nwr_core>)

add_library(noisewright SHARED ${objects})
nwr_library_flags(noisewright)
nwr_link_flags(noisewright "${src}/package/exports.map")
target_link_libraries(noisewright PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
set_target_properties(
  noisewright
  PROPERTIES LINKER_LANGUAGE CXX
             SOVERSION ${nwr_ABI}
             VERSION ${nwr_ABI}.${PROJECT_VERSION_MINOR}.${PROJECT_VERSION_PATCH}
             SKIP_BUILD_RPATH ON)

add_library(nwr_static STATIC ${objects})
target_compile_definitions(nwr_static INTERFACE NWR_STATIC)
# C programs link with the C compiler, which does not bring the C++ runtime by itself.
target_link_libraries(nwr_static INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m
                                           $<INSTALL_INTERFACE:stdc++>)
set_target_properties(nwr_static PROPERTIES OUTPUT_NAME noisewright EXPORT_NAME static
                                            LINKER_LANGUAGE CXX)

foreach(target noisewright nwr_static)
  target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
endforeach()
add_library(noisewright::noisewright ALIAS noisewright)
add_library(noisewright::static ALIAS nwr_static)
