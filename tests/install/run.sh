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

by_cmake() {  # name target kind [prefix]
  rm -rf "${work:?}/$1"
  "$CMAKE" -S "$here/consumer" -B "$work/$1" -DCMAKE_PREFIX_PATH="${4:-$prefix}" -DCMAKE_BUILD_TYPE=Release \
    -DTARGET="$2" -DVERSION="$VERSION" -G Ninja >"$work/$1.log" 2>&1 || { cat "$work/$1.log"; exit 1; }
  "$CMAKE" --build "$work/$1"
  run "$work/$1/consumer" "$3"
}

by_pkg_config() {  # folder of the library
  local tool flags
  tool=$(command -v pkg-config) || unavailable "pkg-config is missing"
  export PKG_CONFIG_PATH=$1/pkgconfig
  test "$("$tool" --modversion noisewright)" = "$VERSION"
  flags=$("$tool" --cflags --libs noisewright)
  # shellcheck disable=SC2086
  $CC "$here/consumer/consumer.c" -o "$work/pc-$way-shared" $flags "-Wl,-rpath,$1"
  run "$work/pc-$way-shared" shared
  flags=$("$tool" --static --cflags --libs noisewright)
  # shellcheck disable=SC2086
  $CC "$here/consumer/consumer.c" -o "$work/pc-$way-static" ${flags/-lnoisewright/-l:libnoisewright.a}
  run "$work/pc-$way-static" static
}

program() {  # file: works where it lies, with the library that lies there
  test "$("$1" --version)" = "noisewright $VERSION"
  "$1" grid trailing --steps 3 --format csv | grep -q '^0,999,'
}

case $way in
  prefix)
    rm -rf "$prefix"
    "$CMAKE" --install "$build" --prefix "$prefix"
    real=$lib/libnoisewright.so.$ABI.${VERSION#*.}
    test -f "$real" -a ! -L "$real"
    test "$(readlink "$lib/libnoisewright.so.$ABI")" = "${real##*/}"
    test "$(readlink "$lib/libnoisewright.so")" = "libnoisewright.so.$ABI"
    program "$prefix/bin/noisewright"
    test -f "$prefix/share/man/man1/noisewright.1"
    if [ "$CUDA" = 1 ]; then test -f "$lib/libnoisewright-cuda.so.$ABI"; fi
    ! grep -rlF -e "$prefix" -e "$build" "$lib/cmake" "$lib/pkgconfig" || { echo "a path of this machine"; exit 1; }
    ;;
  cmake-shared) by_cmake shared noisewright::noisewright shared ;;
  cmake-static) by_cmake static noisewright::static static ;;
  pkg-config) by_pkg_config "$lib" ;;
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
    field() { dpkg-deb -f "$1" "$2"; }
    components=(runtime devel tool)
    names=("libnoisewright$ABI" libnoisewright-dev noisewright)
    if [ "$CUDA" = 1 ]; then components+=(cuda) names+=("libnoisewright-cuda$ABI"); fi
    arch=$(dpkg --print-architecture)
    for i in "${!names[@]}"; do
      package=${names[i]}_${VERSION}_$arch.deb
      test "$(field "$package" Version)" = "$VERSION"
      test -n "$(field "$package" Description)"
      grep -q libc6 <<<"$(field "$package" Depends)" || [ "${components[i]}" = devel ]
      [ "$i" = 0 ] || grep -q "libnoisewright$ABI (= $VERSION)" <<<"$(field "$package" Depends)"
      has "$package" "/usr/share/doc/${names[i]}/copyright"
      dpkg-deb -x "$package" deb
      mkdir -p tgz
      tar xzf noisewright-"$VERSION"-*-"${components[i]}".tar.gz -C tgz
    done
    test "$(ls ./*.deb ./*.tar.gz | wc -l)" = $((2 * ${#names[@]}))
    # The loader is told of the library, and other packages which version they need.
    dpkg-deb -e "libnoisewright${ABI}_${VERSION}_$arch.deb" control
    grep -q ldconfig control/postinst
    grep -qx "libnoisewright $ABI libnoisewright$ABI (= $VERSION)" control/shlibs
    # No file is in two packages.
    for package in ./*.deb; do dpkg-deb -c "$package" | awk '$1 !~ /^d/ { print $6 }'; done |
      sort | uniq -d | grep . && { echo "is in two packages"; exit 1; }
    # What they hold is enough, wherever they are unpacked.
    for root in deb/usr $(dirname "$(find tgz -name include)"); do
      root=$PWD/$root
      program "$root/bin/noisewright"
      by_cmake "package-${root##*/}" noisewright::noisewright shared "$root"
      by_pkg_config "$(dirname "$(find "$root" -name 'libnoisewright.so')")"
      test -f "$root/share/man/man1/noisewright.1"
    done
    ls
    ;;
  moved)
    rm -rf "$work/moved"
    mkdir "$work/moved"
    cp -a "$prefix" "$work/moved/elsewhere"
    elsewhere=$work/moved/elsewhere
    by_cmake moved-by-cmake noisewright::noisewright shared "$elsewhere"
    by_cmake moved-static noisewright::static static "$elsewhere"
    by_pkg_config "$elsewhere/$LIBDIR"
    program "$elsewhere/bin/noisewright"
    # What was linked is what was moved.
    ldd "$work/moved-by-cmake/consumer" "$elsewhere/bin/noisewright" | grep 'libnoisewright' | grep -vF "$elsewhere" &&
      { echo "another library is used"; exit 1; }
    true
    ;;
  recipes) python3 "$here/recipes.py" "$VERSION" "$CMAKE" "$build" "$work/recipes" ;;
  *) echo "no test '$way'"; exit 2 ;;
esac
