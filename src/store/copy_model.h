// A second name for a model, without a second copy of its bytes where the file system has hard links.
#pragma once

#include <optional>

#include "files/model_store.h"

namespace bantam {

struct CopiedModel {
  std::string name;
  Path path;
  uint64_t size_bytes = 0;  // of what both have
};

// Files of the store are replaced by renaming, never written into, so that the two go their own ways from here on: a
// later pull of one leaves the other as it is. kConflict when `name` is taken, kNotFound as FindModel.
Result<CopiedModel> CopyModel(std::string_view source, std::string_view name, const std::optional<Path>& store = {});

}  // namespace bantam
