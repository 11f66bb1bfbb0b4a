#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD WORK WAY: one test of the installed library; CMakeLists.txt sets the environment.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 work=$2 way=$3
prefix=$work/prefix lib=$work/prefix/$LIBDIR

# No search path may lead to another copy of the library.
unset LD_LIBRARY_PATH CMAKE_PREFIX_PATH PKG_CONFIG_PATH CPATH LIBRARY_PATH

unavailable() {
  echo "$1"
  if [ "${CI:-}" = true ]; then exit 1; fi
  exit 77
}

run() {  # program: is it the right library, and does it work?
  local needs
  needs=$(readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  case $2 in
    shared) grep -qx "libnoisewright.so.$ABI" <<<"$needs" || { echo "does not use the shared library"; exit 1; } ;;
    static) ! grep -q noisewright <<<"$needs" || { echo "uses the shared library"; exit 1; } ;;
  esac
  "$1"
}

by_cmake() {
  rm -rf "${work:?}/$1"
  "$CMAKE" -S "$here/consumer" -B "$work/$1" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release \
    -DTARGET="$2" -DVERSION="$VERSION" -G Ninja >"$work/$1.log" 2>&1 || { cat "$work/$1.log"; exit 1; }
  "$CMAKE" --build "$work/$1"
  run "$work/$1/consumer" "$3"
}

case $way in
  prefix)
    rm -rf "$prefix"
    "$CMAKE" --install "$build" --prefix "$prefix"
    real=$lib/libnoisewright.so.$ABI.${VERSION#*.}
    test -f "$real" -a ! -L "$real"
    test "$(readlink "$lib/libnoisewright.so.$ABI")" = "${real##*/}"
    test "$(readlink "$lib/libnoisewright.so")" = "libnoisewright.so.$ABI"
    ;;
  cmake-shared) by_cmake shared noisewright::noisewright shared ;;
  cmake-static) by_cmake static noisewright::static static ;;
  pkg-config)
    tool=$(command -v pkg-config) || unavailable "pkg-config is missing"
    export PKG_CONFIG_PATH=$lib/pkgconfig
    test "$("$tool" --modversion noisewright)" = "$VERSION"
    flags=$("$tool" --cflags --libs noisewright)
    # shellcheck disable=SC2086
    $CC "$here/consumer/consumer.c" -o "$work/pc-shared" $flags "-Wl,-rpath,$lib"
    run "$work/pc-shared" shared
    flags=$("$tool" --static --cflags --libs noisewright)
    # shellcheck disable=SC2086
    $CC "$here/consumer/consumer.c" -o "$work/pc-static" ${flags/-lnoisewright/-l:libnoisewright.a}
    run "$work/pc-static" static
    ;;
  hand-shared)
    $CC -std=c99 "$here/consumer/consumer.c" -o "$work/hand-shared" "-I$prefix/include" "-L$lib" \
      -lnoisewright "-Wl,-rpath,$lib"
    run "$work/hand-shared" shared
    ;;
  hand-static)
    $CC -std=c99 -DNWR_STATIC "$here/consumer/consumer.c" -o "$work/hand-static" "-I$prefix/include" \
      "$lib/libnoisewright.a" -lstdc++ -lm -pthread -ldl
    run "$work/hand-static" static
    ;;
  hand-cxx)
    $CXX -x c++ "$here/consumer/consumer.c" -x none -o "$work/hand-cxx" "-I$prefix/include" "-L$lib" \
      -lnoisewright "-Wl,-rpath,$lib"
    run "$work/hand-cxx" shared
    ;;
  packages)
    command -v dpkg-deb >/dev/null || unavailable "dpkg-deb is missing"
    rm -rf "$work/packages"
    "$CPACK" --config "$build/CPackConfig.cmake" -B "$work/packages" >"$work/packages.log" 2>&1 ||
      { cat "$work/packages.log"; exit 1; }
    cd "$work/packages"
    has() {  # package file: holds a path that ends so
      local list
      case $1 in *.deb) list=$(dpkg-deb -c "$1") ;; *) list=$(tar tzf "$1") ;; esac
      grep -q -- "$2\( ->.*\)\?\$" <<<"$list" || { echo "$1 lacks $2"; exit 1; }
    }
    for package in libnoisewright"$ABI"_"$VERSION"_*.deb noisewright-"$VERSION"-*-runtime.tar.gz; do
      has "$package" "/libnoisewright.so.$ABI"
    done
    for package in libnoisewright-dev_"$VERSION"_*.deb noisewright-"$VERSION"-*-devel.tar.gz; do
      for file in libnoisewright.so libnoisewright.a noisewright.h noisewright-config.cmake noisewright.pc; do
        has "$package" "/$file"
      done
    done
    ls
    ;;
  *) echo "no test '$way'"; exit 2 ;;
esac
