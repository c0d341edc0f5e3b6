// What endpoints work with: the served models, the assistant, the metrics. Lives as long as the server.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/api_keys.h"
#include "api/assistant.h"
#include "api/engine_watch.h"
#include "api/http_server.h"
#include "api/memory_watch.h"
#include "api/metrics.h"
#include "api/model_aliases.h"
#include "api/model_pool.h"
#include "api/recent_requests.h"
#include "api/worker_pool.h"
#include "route/router.h"

namespace bantam {

struct ApiContext {
  std::shared_ptr<ModelPool> models = std::make_shared<ModelPool>();
  ServedAssistant assistant;
  AssistantOptions assistant_options;
  std::shared_ptr<EmbeddingCache> embedding_cache;  // of all models; null: none
  std::chrono::milliseconds request_timeout{60'000};
  std::chrono::milliseconds text_timeout{600'000};  // of a request that models write a text for
  Metrics metrics;
  MonotonicTime started = MonotonicNow();
  // Threads that wait for texts, which may take minutes; null where no model writes any. After the models: its jobs use
  // them.
  std::unique_ptr<WorkerPool> text_workers;
  // Models that come into the store; each may take minutes.
  WorkerPool pull_workers{2, 16};
  EngineWatch engine_watch{std::chrono::seconds(60)};
  std::unique_ptr<MemoryWatch> memory_watch;               // null: nobody set a limit
  const ServerGauges* gauges = nullptr;                    // set before the first request
  std::unique_ptr<ApiKeys> keys;                           // null: anybody may ask
  std::function<Result<std::vector<ApiKey>>()> read_keys;  // again, at a reload; none: they stay as they are
  ModelAliases aliases;
  bool log_requests = false;  // a line for each
  RecentRequests recent;
  // Last: its job uses all of the above. One reload at a time, and one that waits for what changes meanwhile.
  WorkerPool reload_worker{1, 1};

  // Null: there is no route file, only models. A request asks once and keeps what it gets until it is answered: another
  // router may take its place at any time, of the same name.
  std::shared_ptr<Router> router() const { return assistant.router(); }

  // In memory, by its name or an alias, with or without ":latest"; a colon may stand where the name has a '-'
  // ("smollm2:135m"). Null when it is not there. Never used as a path.
  ServedModelPtr FindModel(std::string_view name) const;
  // The same, loaded where models come on demand: see ModelPool::Get.
  Result<ServedModelPtr> GetModel(std::string_view name) const;
  // What an alias stands for, or the name without ":latest".
  std::string Resolve(std::string_view name) const;
  bool IsRouter(std::string_view name) const;
  std::string ModelNames() const;  // "helpdesk, all-MiniLM-L6-v2", those in memory, for messages
  // "all-MiniLM-L6-v2": the models that can; "none" where there is none.
  std::string NamesOf(bool (*can)(const ServedModel& model)) const;
  std::string EncoderNames() const;
};

}  // namespace bantam
