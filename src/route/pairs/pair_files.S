/* The tables and pairs as they are; paths are relative to this folder (see CMakeLists.txt). */
    .section .rodata
    .global bantam_pair_words, bantam_pair_words_end, bantam_pair_suite, bantam_pair_suite_end
    .global bantam_pair_held_out, bantam_pair_held_out_end
    /* Not of the C interface, whose library shows every other bantam_*. */
    .hidden bantam_pair_words, bantam_pair_words_end, bantam_pair_suite, bantam_pair_suite_end
    .hidden bantam_pair_held_out, bantam_pair_held_out_end
bantam_pair_words:
    .incbin "words.txt"
bantam_pair_words_end:
    .byte 0
bantam_pair_suite:
    .incbin "suite.jsonl"
bantam_pair_suite_end:
    .byte 0
bantam_pair_held_out:
    .incbin "held_out.jsonl"
bantam_pair_held_out_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
