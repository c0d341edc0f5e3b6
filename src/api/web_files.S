/* The console's files; paths are relative to web/. */
#include "base/embedded_file.inc"

#define WEB_FILE(symbol, file, type) embedded_file bantam_web_##symbol, file
#include "web_files.inc"
