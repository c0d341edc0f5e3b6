/* The topics of `bantam help` and the shells' completions; paths are relative to docs/topics/ and shell/. */
#include "base/embedded_file.inc"

    embedded_file bantam_completion_bash, "bantam.bash"
    embedded_file bantam_completion_zsh, "bantam.zsh"
    embedded_file bantam_completion_fish, "bantam.fish"
#define BANTAM_TOPIC(symbol, file) embedded_file bantam_topic_##symbol, file
#include "topic_list.inc"
