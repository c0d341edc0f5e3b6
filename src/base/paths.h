// Where Bantam keeps its files.
//
//   $BANTAM_HOME, else $XDG_DATA_HOME/bantam, else $HOME/.local/share/bantam
//     models/NAME/      a model's original files, its manifest bantam.json, and disposable packed files
//     state/ASSISTANT/  cache, audit log, conversations, trained head
#pragma once

#include "base/file_io.h"

namespace bantam {

// kNotFound when none of the three variables is set.
Result<Path> BantamHome();
Result<Path> ModelsFolder();
// `assistant` is checked: letters, digits, '.', '_' and '-', not starting with a dot, at most 64 characters.
Result<Path> StateFolder(std::string_view assistant);
// The same check for other names that become a file name (model names may also hold no separator).
Status CheckPlainName(std::string_view what, std::string_view name);

}  // namespace bantam
