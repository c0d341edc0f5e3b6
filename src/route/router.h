// Decides who answers: a form in progress, the cache, a local action, or the large model; writes the audit log.
//
//   BANTAM_TRY(RouteFile file, LoadRouteFile("examples/helpdesk/bantam.yaml"));
//   BANTAM_TRY(auto router, Router::Create(std::move(file), {}));     // trains the head when it is missing or stale
//   BANTAM_TRY(AssistantAnswer answer, router->Answer(request, sink));
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "learn/head.h"
#include "route/explanation.h"
#include "route/feedback.h"
#include "route/intent_model.h"
#include "route/route_file.h"
#include "route/semantic_cache.h"
#include "route/send_queued.h"
#include "route/types.h"
#include "route/usage.h"

namespace bantam {

class AuditKey;
class Router;
struct RouterParts;

struct RouterOptions {
  std::shared_ptr<Embedder> embedder = {};               // null: OpenEncoder, LoadEncoder
  std::shared_ptr<EmbeddingCache> embedding_cache = {};  // of an encoder that is loaded; null: none
  int num_threads = 0;
  bool persistent = true;        // false (route test, explain): no state folder, nothing written,
  bool cache_in_memory = false;  // and no cache, or one in memory
  bool offline = false;  // true (route test): no service and no large model is called; forms are taken as handed in
  std::optional<double> max_disagreement = {};  // of early exits, instead of the file's; 0: off
  std::function<void(std::string_view stage, double fraction)> progress = {};  // embedding the examples, training
  bool rehearse = false;  // true: the file is served only if Rehearse finds nothing
  // Of the same assistant, whose stores, counters and conversations the new one goes on with; both may be asked then.
  // Null: the state folder is opened.
  const Router* predecessor = nullptr;
  // For the host of a library (src/capi):
  std::optional<Path> store = {};          // where the file's encoder is looked up; empty: $BANTAM_HOME/models
  std::optional<int64_t> generation = {};  // of the assistant's heads; empty: the one in force
  // Empty: $BANTAM_HOME/state/NAME. An empty path: none, so that nothing is read there either.
  std::optional<Path> state_folder = {};
  bool network = true;      // false: nothing is called, and whatever needs it says so; unlike offline, nothing pretends
  bool queue = false;       // keep questions for large models that cannot be asked now, in the state folder
  bool own_threads = true;  // false: only the encoder's num_threads - 1 are started; the rest is done by who calls
};

struct RouterStats {
  uint64_t requests = 0;
  uint64_t by_source[4] = {};                    // indexed by AnswerSource
  uint64_t by_decision[kNumDecisionKinds] = {};  // indexed by DecisionKind
  uint64_t cache_lookups = 0, cache_hits = 0;
  std::optional<CacheStats> cache = {};                   // none: nothing is kept
  std::optional<SemanticCacheStats> semantic_cache = {};  // none: it is not used
  uint64_t upstream_requests = 0, upstream_failures = 0;
  uint64_t drift_windows = 0, drift_alarms = 0;  // judged, and found to differ from the calibration
  double drift_distance = 0;                     // of the latest window; DriftFinding
  int caution = 0;                               // how often the error budgets are halved now
  double total_cost = 0;
  std::vector<AccountState> spending;  // where the file has budgets
};

// The encoder that the file names; errors have the place where it does.
Result<ModelFolder> OpenEncoder(const RouteFile& file, const RouterOptions& options);
Result<std::shared_ptr<Embedder>> LoadEncoder(const RouteFile& file, ModelFolder opened, const RouterOptions& options);

// The key that the file encrypts the texts of its audit log with, if it names one; else null. Errors have the place.
Result<std::shared_ptr<const AuditKey>> LoadAuditKey(const RouteFile& file);

// Answer and Explain may be called from many threads; turns of one session are serialised.
class Router {
 public:
  // Nothing of a predecessor is changed before all else has succeeded. kConflict for one of another name.
  static Result<std::unique_ptr<Router>> Create(RouteFile file, RouterOptions options);
  virtual ~Router() = default;
  // Errors are for requests that are wrong or were cancelled; trouble upstream becomes an answer that says so, or, once
  // text has been sent to the sink, an error after it.
  virtual Result<AssistantAnswer> Answer(const AssistantRequest& request, const DeltaSink& sink) = 0;
  // What Answer would say, where that is in memory: it waits for nothing. Otherwise nothing has happened; ask Answer.
  virtual std::optional<AssistantAnswer> AnswerAtOnce(const AssistantRequest& request) = 0;
  virtual Result<Explanation> Explain(std::string_view text) = 0;
  virtual Result<std::vector<Explanation>> ExplainAll(std::span<const std::string> texts, const EmbedCall& call) = 0;
  // Said of one of the latest answers. kNotFound for an id that is not among them, kInvalidArgument for a route that
  // the file does not have, kUnavailable where no audit log is kept.
  virtual Result<FeedbackReceipt> TakeFeedback(const Feedback& feedback) = 0;
  // As SendQueued of send_queued.h, recorded in the audit log. kUnsupported without a queue.
  virtual Status SendQueued(const TakeSent& take, MonotonicTime deadline, std::stop_token stop) = 0;
  virtual Result<int64_t> CountQueued() = 0;
  // As retention.h, for as long as it answers; Create has done it once.
  virtual Status TakeOutOldTexts(const std::stop_token& stop) = 0;
  virtual const RouteFile& file() const = 0;
  virtual const DecisionPolicy& policy() const = 0;  // in force now: drift may make it stricter
  virtual const Head& head() const = 0;
  virtual Embedder& embedder() = 0;
  virtual RouterStats Stats() const = 0;         // since the first predecessor
  virtual UsageReport ReadUsage() = 0;           // the same over time, and before; UsageMeter::Report
  virtual const RouterParts& parts() const = 0;  // for a successor
};

}  // namespace bantam
