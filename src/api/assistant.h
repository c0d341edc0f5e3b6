// The assistant of a route file, as it is served and as a reload replaces it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/model_pool.h"
#include "route/router.h"

namespace bantam {

struct AssistantOptions {
  Path route_file;  // empty: there is no assistant
  int num_threads = 0;
  std::optional<double> max_disagreement = {};  // of early exits, instead of the file's
  std::shared_ptr<EmbeddingCache> embedding_cache = nullptr;
};

struct Assistant {
  std::shared_ptr<Router> router;     // null: none
  std::shared_ptr<Embedder> encoder;  // the router's
  std::string encoder_stamp;          // ModelStamp of what was loaded
  int64_t created = 0;                // seconds since 1970
};

// Of the route file as it is now. With a predecessor, all that a reload checks is checked: the new one has answered its
// rehearsal. An encoder that did not change is shared; where nothing changed the predecessor is returned. `fits` is
// asked before an encoder is loaded beside another one; empty: any does.
Result<Assistant> LoadAssistant(const AssistantOptions& options, const Assistant& predecessor,
                                const std::function<Status(const ModelFolder& model, WeightType type)>& fits,
                                const std::function<void(std::string_view stage, double fraction)>& progress);

// Its encoder, which is served under the model's own name, too.
ServedModel EncoderOf(const Assistant& assistant);

// Any thread. Whoever got a router keeps it until the request is answered, however many others have come meanwhile.
class ServedAssistant {
 public:
  Assistant Get() const {
    const std::scoped_lock lock(mutex_);
    return now_;
  }
  std::shared_ptr<Router> router() const {
    const std::scoped_lock lock(mutex_);
    return now_.router;
  }
  void Replace(Assistant next) {
    const std::scoped_lock lock(mutex_);
    std::swap(now_, next);
  }  // the old one ends after the lock

 private:
  mutable std::mutex mutex_;
  Assistant now_;
};

}  // namespace bantam
