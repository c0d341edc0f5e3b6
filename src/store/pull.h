// A model from a hub or a registry into the store, whole or not at all.
//
//   BANTAM_TRY(const RemoteSettings settings, RemoteSettings::FromEnvironment());
//   BANTAM_TRY(const PullReference reference, ParsePullReference("hf.co/OWNER/REPO:Q4_K_M"));
//   BANTAM_TRY(const Pulled pulled, PullModel(reference, settings, {.stop = token}));
//
// What is there already is not fetched again: partial files of an earlier try, files of the model's older state, files
// of other models with the same bytes. All of it is hashed first, so that pulling again mends a model whose files are
// damaged.
#pragma once

#include <functional>
#include <optional>

#include "store/remote_model.h"

namespace bantam {

struct PullProgress {
  enum class Stage {
    kAsking,    // for the list of files
    kWaiting,   // another process pulls the same model
    kFetching,  // `file` has `completed` of `total` bytes
    kRetrying,  // `why`, after a pause; without a file while asking
    kVerifying,
    kWriting,
    kDone,
  };
  Stage stage = Stage::kAsking;
  std::string file = {};                      // its path in the model
  std::string digest = {};                    // "sha256:..." or "git:..."
  uint64_t completed = 0, total = 0;          // of the file
  uint64_t all_completed = 0, all_total = 0;  // of all files
  std::string why = {};
};

struct PullOptions {
  std::optional<std::string> name = {};  // in the store; empty: of the model
  std::optional<Path> store = {};        // empty: $BANTAM_HOME/models
  std::function<void(const PullProgress&)> on_progress = {};
  std::stop_token stop = {};
  // Asked before the model appears in the store, or takes the place of its older self; an error leaves the store as it
  // was. Empty: whatever was fetched is stored.
  std::function<Status(const std::string& name, const Path& folder)> approve = {};
};

struct Pulled {
  std::string name;
  Path folder;
  bool was_there = false;  // all of it, with nothing to mend
  uint64_t size_bytes = 0, fetched_bytes = 0;
};

// kConflict when another model has the name; kOutOfDisk before anything is fetched when it would not fit. After any
// failure, kCancelled too, the same call goes on with what has come.
Result<Pulled> PullModel(const PullReference& reference, const RemoteSettings& settings, const PullOptions& options);

}  // namespace bantam
