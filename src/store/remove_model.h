// A model leaves the store. Files that other models share (copies, and what a pull found to be the same) stay with
// them: their bytes are freed when the last of them goes.
#pragma once

#include <optional>

#include "files/model_store.h"

namespace bantam {

struct Removal {
  std::string name;
  Path path;
  bool partial = false;      // nothing but what an interrupted pull left
  uint64_t size_bytes = 0;   // of its files
  uint64_t freed_bytes = 0;  // of those that nobody shares
};

// What RemoveModel would remove. kNotFound as FindModel.
Result<Removal> PlanRemoval(std::string_view reference, const std::optional<Path>& store = {});

// kConflict while a process has it loaded, unless `force`: that process goes on with what it has open.
Result<Removal> RemoveModel(std::string_view reference, bool force, const std::optional<Path>& store = {});

}  // namespace bantam
