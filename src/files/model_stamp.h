// Whether a model's files are still those that were loaded: cheap enough to ask at every reload.
//
//   const std::string stamp = ModelStamp(folder);
//   if (ModelStamp(folder) != stamp) ...   // replaced, mended or gone
#pragma once

#include <string>

#include "base/file_io.h"

namespace bantam {

// Of a folder or a GGUF file: which files there are, and which inode, size and time each has. No byte of them is read.
// Packed copies do not count. "" where there is nothing.
std::string ModelStamp(const Path& model);

}  // namespace bantam
