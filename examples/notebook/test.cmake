# SPDX-License-Identifier: Apache-2.0
# Runs the notebook: what it prints is expected, and the digests in it are those of its files.
file(REMOVE_RECURSE "${FOLDER}")
set(ARGUMENTS --out "${FOLDER}")
include("${CMAKE_CURRENT_LIST_DIR}/../c/compare.cmake")
foreach(name fields.svg gamma.svg mirror.svg)
  file(SHA256 "${FOLDER}/${name}" digest)
  if(NOT got MATCHES "${name} +${digest}\n")
    message(FATAL_ERROR "${name}: the printed SHA-256 is not that of the file")
  endif()
endforeach()
