/* The console's files; paths are relative to web/. */
#include "base/embedded_file.inc"

#define WEB_FILE(symbol, path, type) embedded_file bantam_web_##symbol, path
#include "web_files.inc"
