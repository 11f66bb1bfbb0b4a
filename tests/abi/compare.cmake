# SPDX-License-Identifier: Apache-2.0
# Runs ${program} and compares what it prints with the file ${expected}.
execute_process(COMMAND "${program}" OUTPUT_VARIABLE found RESULT_VARIABLE status)
file(READ "${expected}" wanted)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${program} failed: ${status}")
endif()
if(NOT found STREQUAL wanted)
  message(FATAL_ERROR "${program} no longer prints what ${expected} says, but:\n${found}")
endif()
