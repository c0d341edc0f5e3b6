/* The topics of `bantam help` and the shells' completions as they are; paths are relative to docs/topics/ and shell/
   (see CMakeLists.txt). */
    .macro embedded name, file
    .global \name, \name\()_end
\name:
    .incbin "\file"
\name\()_end:
    .byte 0
    .endm

    .section .rodata
    embedded bantam_completion_bash, "bantam.bash"
    embedded bantam_completion_zsh, "bantam.zsh"
    embedded bantam_completion_fish, "bantam.fish"
#define BANTAM_TOPIC(symbol, file) embedded bantam_topic_##symbol, file
#include "topic_list.inc"
    .section .note.GNU-stack,"",%progbits
