/* The console's files as they are; paths are relative to web/ (see CMakeLists.txt). */
    .macro web_file name, file
    .global \name, \name\()_end
\name:
    .incbin "\file"
\name\()_end:
    .byte 0
    .endm

#define WEB_FILE(symbol, file, type) web_file bantam_web_##symbol, file
    .section .rodata
#include "web_files.inc"
    .section .note.GNU-stack,"",%progbits
