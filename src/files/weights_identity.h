// Identity of a model's weights. The store's record knows it; for files from elsewhere it is computed when somebody
// first asks: hashing 100 MB takes 60 ms, which a start need not wait for.
//
//   BANTAM_TRY(const std::string sha256, model.identity.Sha256());
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "files/model_store.h"

namespace bantam {

// Cheap to copy: copies share what was computed. Any thread.
class WeightsIdentity {
 public:
  WeightsIdentity() = default;  // of no weights: ""

  // Opens the files, so that what is hashed later is what was there now, whatever is renamed over it. With a manifest
  // whose sizes fit, nothing is ever hashed; a store model's manifest was written beside the files by the set-up or a
  // pull, which had checked them.
  static Result<WeightsIdentity> Of(const std::vector<Path>& weight_files,
                                    const std::optional<ModelManifest>& manifest);
  static WeightsIdentity Known(std::string sha256);

  // One file: its sha256. Shards: the sha256 of their "NAME SHA256\n" lines in name order. Errors of reading.
  Result<std::string> Sha256() const;
  bool known() const;  // whether asking costs nothing

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bantam
