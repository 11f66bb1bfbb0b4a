/* SPDX-License-Identifier: Apache-2.0
 * Puts the file w.f16 into the program, so that a program runs from any folder.
 * The assembler reads it: an array of 1.7 million numbers would take compilers minutes. */
#include "net.h"

__asm__(
    ".section .rodata\n"
    ".balign 16\n"
    ".globl fashion_weights\n"
    "fashion_weights:\n"
    ".incbin \"" FASHION_WEIGHTS_FILE
    "\"\n"
    ".globl fashion_weights_end\n"
    "fashion_weights_end:\n"
    ".byte 0\n"
    ".text\n");
