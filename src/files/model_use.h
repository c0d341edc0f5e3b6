// That a model of the store is in use, for those who would remove it: a shared lock on its folder, or on its file where
// it is one, which the kernel lets go of when the process ends, however it ends.
//
//   model.in_use = ModelUse::Begin(folder);      // held as long as somebody has it
//   BANTAM_TRY(const auto alone, ModelUse::Exclude(folder));   // kConflict while anybody uses it
#pragma once

#include <memory>

#include "base/file_io.h"

namespace bantam {

class ModelUse {
 public:
  // Null where the file system has no locks, or somebody is removing it: then it is used all the same.
  static std::shared_ptr<const ModelUse> Begin(const Path& model);
  static Result<std::shared_ptr<const ModelUse>> Exclude(const Path& model);

  explicit ModelUse(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  UniqueFd fd_;
};

}  // namespace bantam
