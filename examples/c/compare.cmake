# SPDX-License-Identifier: Apache-2.0
# Runs PROGRAM with ARGUMENTS, if any, and compares what it prints with the file EXPECTED.
execute_process(COMMAND "${PROGRAM}" ${ARGUMENTS}
                OUTPUT_VARIABLE got ERROR_VARIABLE errors RESULT_VARIABLE status)
file(READ "${EXPECTED}" expected)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${status}: ${errors}")
endif()
if(NOT got STREQUAL expected)
  message(FATAL_ERROR "expected (${EXPECTED}):\n${expected}\ngot:\n${got}")
endif()
