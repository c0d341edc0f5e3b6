// What is behind the opaque types of bantam.h.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "bantam/bantam.h"
#include "base/log.h"
#include "route/router.h"
#include "tasks/classify.h"
#include "tasks/embed.h"
#include "tasks/rerank.h"
#include "tasks/tag.h"

namespace bantam::capi {

// Null when the host gave none.
ThreadLogSink::Sink MakeLogSink(bantam_log_fn log, void* user_data);

// While it lives, this thread logs to the handle's sink.
class LogScope {
 public:
  explicit LogScope(const ThreadLogSink::Sink& sink) : sink_(sink ? &sink : nullptr) {}

 private:
  ThreadLogSink sink_;
};

}  // namespace bantam::capi

struct bantam_tokenizer {
  const bantam::Tokenizer* tokenizer = nullptr;
  std::unique_ptr<bantam::Tokenizer> owned = nullptr;  // null: a model's
};

// A model that was loaded for its head: what that is good for, the rest null.
struct bantam_heads {
  bantam::LoadedModel model;
  std::unique_ptr<bantam::Classifier> classifier;
  std::unique_ptr<bantam::Reranker> reranker;
  std::unique_ptr<bantam::Tagger> tagger;
  std::string name;
  std::vector<const char*> labels;
};

struct bantam_model {
  bantam::ThreadLogSink::Sink log;
  std::shared_ptr<bantam::Embedder> embedder;  // shared with the assistants that use it; null: `heads` are there
  std::unique_ptr<bantam_heads> heads;
  bantam_tokenizer tokenizer;
  std::string dtype, isa, weights_sha256;
  bantam_model_info info;
};

struct bantam_assistant {
  bantam::ThreadLogSink::Sink log;
  std::unique_ptr<bantam::Router> router;
  std::vector<const char*> routes;
  std::string id_prefix;  // of the request ids that are made here
  std::atomic<uint64_t> num_ids = 0;
  bantam_assistant_info info;
};
