#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""recipes.py VERSION CMAKE BUILD WORK: one version in all packages, and the recipes of vcpkg and Conan.

Neither program is in Debian. So vcpkg's portfile runs with its helpers replaced by what their manual says
of them, the installation being that of the build; and Conan's recipe runs with a stand-in for its modules.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import types

VERSION, CMAKE, BUILD, WORK = sys.argv[1:]
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def text(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def same_version():
    stated = {
        "bindings/rust/Cargo.toml": r'(?m)^version = "(.*)"',
        "bindings/rust/noisewright/Cargo.toml": r'noisewright-sys = \{ version = "(.*?)"',
        "bindings/julia/Project.toml": r'(?m)^version = "(.*)"',
        "bindings/csharp/Directory.Build.props": r"<Version>(.*)</Version>",
        "src/package/vcpkg/vcpkg.json": r'"version": "(.*)"',
        "src/tool/noisewright.1": r'"noisewright (.*?)"',
    }
    for path, pattern in stated.items():
        found = re.search(pattern, text(path))
        assert found and found[1] == VERSION, "%s: %s, not %s" % (path, found and found[1], VERSION)


HELPERS = """
cmake_minimum_required(VERSION 3.25)
set(VCPKG_LIBRARY_LINKAGE dynamic)
set(FEATURES core tool)
set(ENV{ASKED} "")
function(vcpkg_check_features)
  cmake_parse_arguments(PARSE_ARGV 0 a "" "OUT_FEATURE_OPTIONS" "FEATURES")
  list(GET a_FEATURES 0 name)
  list(GET a_FEATURES 1 option)
  if(NOT name IN_LIST FEATURES)
    message(FATAL_ERROR "no feature ${name}")
  endif()
  set(${a_OUT_FEATURE_OPTIONS} "-D${option}=ON" PARENT_SCOPE)
endfunction()
function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 a "" "SOURCE_PATH" "OPTIONS")
  if(NOT EXISTS "${a_SOURCE_PATH}/include/noisewright.h")
    message(FATAL_ERROR "${a_SOURCE_PATH} is not the source")
  endif()
  file(STRINGS "${a_SOURCE_PATH}/CMakeLists.txt" lines)
  foreach(option IN LISTS a_OPTIONS)
    string(REGEX REPLACE "^-D([A-Z_]+)=.*" "\\\\1" name "${option}")
    if(NOT lines MATCHES "option\\\\(${name} " AND NOT name STREQUAL "NWR_CUDA")
      message(FATAL_ERROR "there is no option ${name}")
    endif()
  endforeach()
endfunction()
function(vcpkg_cmake_install)
  foreach(folder "" /debug)
    execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${CURRENT_PACKAGES_DIR}${folder}"
                    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
endfunction()
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 a "" "CONFIG_PATH" "")
  if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/${a_CONFIG_PATH}/noisewright-config.cmake")
    message(FATAL_ERROR "no configuration in ${a_CONFIG_PATH}")
  endif()
  file(MAKE_DIRECTORY "${CURRENT_PACKAGES_DIR}/share")
  file(RENAME "${CURRENT_PACKAGES_DIR}/${a_CONFIG_PATH}" "${CURRENT_PACKAGES_DIR}/share/noisewright")
endfunction()
function(vcpkg_fixup_pkgconfig)
  if(NOT EXISTS "${CURRENT_PACKAGES_DIR}/lib/pkgconfig/noisewright.pc")
    message(FATAL_ERROR "no noisewright.pc")
  endif()
endfunction()
function(vcpkg_copy_tools)
  cmake_parse_arguments(PARSE_ARGV 0 a "AUTO_CLEAN" "" "TOOL_NAMES")
  foreach(name IN LISTS a_TOOL_NAMES)
    file(COPY "${CURRENT_PACKAGES_DIR}/bin/${name}" DESTINATION "${CURRENT_PACKAGES_DIR}/tools")
  endforeach()
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 a "" "" "FILE_LIST")
  file(COPY ${a_FILE_LIST} DESTINATION "${CURRENT_PACKAGES_DIR}/share/noisewright")
endfunction()
include("${CURRENT_PORT_DIR}/portfile.cmake")
"""


def vcpkg():
    manifest = json.loads(text("src/package/vcpkg/vcpkg.json"))
    assert manifest["name"] == "noisewright" and manifest["license"] == "Apache-2.0"
    os.makedirs(WORK)
    script = os.path.join(WORK, "port.cmake")
    with open(script, "w") as file:
        file.write(HELPERS)
    packages = os.path.join(WORK, "vcpkg")
    subprocess.run([CMAKE, "-DBUILD=" + BUILD, "-DCURRENT_PACKAGES_DIR=" + packages,
                    "-DCURRENT_PORT_DIR=" + os.path.join(ROOT, "src/package/vcpkg"), "-P", script], check=True)
    for path in ("include/noisewright.h", "lib/libnoisewright.so", "share/noisewright/noisewright-config.cmake",
                 "share/noisewright/NOTICE", "tools/noisewright"):
        assert os.path.exists(os.path.join(packages, path)), path
    assert not os.path.exists(os.path.join(packages, "debug/include"))


def conan():
    import fnmatch

    copied = []

    def copy(recipe, pattern, src, dst):
        for folder, _, files in os.walk(src):
            for name in files:
                path = os.path.relpath(os.path.join(folder, name), src)
                if fnmatch.fnmatch(path, pattern):
                    copied.append(path)

    modules = {
        "conan": {"ConanFile": object},
        "conan.tools": {},
        "conan.tools.build": {"can_run": None},
        "conan.tools.cmake": dict.fromkeys(("CMake", "CMakeDeps", "CMakeToolchain", "cmake_layout")),
        "conan.tools.files": {"copy": copy, "load": lambda recipe, path: text(path)},
    }
    for name, members in modules.items():
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__dict__.update(members)

    def load(path):
        space = {}
        exec(compile(text(path), path, "exec"), space)
        return space

    recipe = load("src/package/conan/conanfile.py")["Noisewright"]()
    recipe.recipe_folder = os.path.join(ROOT, "src/package/conan")
    recipe.export_sources_folder = WORK
    recipe.set_version()
    assert recipe.version == VERSION, recipe.version
    recipe.export_sources()
    # What the build reads besides: nothing.
    exported = set(copied)
    for wanted in ("CMakeLists.txt", "LICENSE", "NOTICE", "include/noisewright.h", "src/cmake/Library.cmake",
                   "src/package/noisewright.pc.in", "src/tool/CMakeLists.txt", "examples/demo/svg.cpp"):
        assert wanted in exported, wanted
    consumer = load("src/package/conan/test_package/conanfile.py")["Consumer"]
    assert "CMakeDeps" in consumer.generators
    assert "nwr_abi" in text("src/package/conan/test_package/consumer.c")


shutil.rmtree(WORK, ignore_errors=True)
same_version()
vcpkg()
conan()
print("fine")
