# SPDX-License-Identifier: Apache-2.0
# conan create src/package/conan
import os
import re

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load


class Noisewright(ConanFile):
    name = "noisewright"
    description = "Noise schedules, samplers and transforms for diffusion and flow-matching models"
    license = "Apache-2.0"
    topics = ("diffusion", "flow-matching", "sampler", "noise")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "tool": [True, False]}
    default_options = {"shared": True, "tool": False}

    def set_version(self):
        # The header is the one place that states it.
        header = load(self, os.path.join(self.recipe_folder, "../../../include/noisewright.h"))
        parts = [re.search(r"define NWR_VERSION_%s (\d+)" % p, header)[1] for p in ("MAJOR", "MINOR", "PATCH")]
        self.version = ".".join(parts)

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "../../..")
        for pattern in ("CMakeLists.txt", "LICENSE", "NOTICE", "include/*", "src/*", "cuda/*", "examples/demo/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def requirements(self):
        # Headers of one file of the library; nothing of it is left for those who link it.
        self.requires("nlohmann_json/[>=3.9 <4]", visible=False)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["NWR_BUILD_TESTS"] = False
        toolchain.cache_variables["NWR_BUILD_EXAMPLES"] = False
        toolchain.cache_variables["NWR_BUILD_TOOL"] = bool(self.options.tool)
        toolchain.cache_variables["NWR_CUDA"] = "OFF"
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        for name in ("LICENSE", "NOTICE"):
            copy(self, name, src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        # The package's own CMake files have both targets, whichever was asked for.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = ["lib/cmake/noisewright"]
        self.cpp_info.set_property("pkg_config_name", "noisewright")
        if self.options.shared:
            self.cpp_info.libs = ["noisewright"]
        else:
            self.cpp_info.libs = [":libnoisewright.a"]
            self.cpp_info.defines = ["NWR_STATIC"]
            self.cpp_info.system_libs = ["stdc++", "m", "pthread", "dl"]
