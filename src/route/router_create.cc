// Router::Create: the real parts, put together.
#include <algorithm>

#include "base/log.h"
#include "base/paths.h"
#include "route/audit_key.h"
#include "route/forms/entity_finder.h"
#include "route/head_intent_model.h"
#include "route/learning/generations.h"
#include "route/outgoing_span.h"
#include "route/privacy/masking_upstream.h"
#include "route/rehearsal.h"
#include "route/retention.h"
#include "route/router_parts.h"
#include "route/upstream_group.h"

namespace bantam {
namespace {

// Where the file says: a Redis, memory, or a file of the state folder (empty: there is none). What is called over the
// network is called only where that is allowed.
Status OpenCache(const Path& folder, const RouterOptions& options, RouterParts& parts) {
  RouteFile& file = parts.file;
  if (!file.cache_enabled) return Ok();
  file.cache.own_thread = options.own_threads;
  if (file.cache_server && options.network) {
    parts.cache = ResultCache::OpenShared(*file.cache_server, file.name, file.cache);
  } else if (file.cache_server || file.cache_in_memory || folder.empty()) {
    parts.cache = ResultCache::InMemory(file.cache);
  } else {
    BANTAM_TRY(parts.cache, ResultCache::Open(StateFiles(folder).cache, file.cache));
  }
  return Ok();
}

bool SamePlace(const RouteFile& file, const RouteFile& before) {
  return file.cache_server == before.cache_server && file.cache_in_memory == before.cache_in_memory;
}

// For questions that cannot be asked now: the host of a library sends them itself, a server keeps the answers as well.
Status OpenQueue(const Path& folder, const RouterOptions& options, RouterParts& parts) {
  const StateFiles files(folder);
  CallLedger& ledger = *parts.ledger;
  const bool keeps_answers = parts.file.offline == OfflineRule::kQueue;
  if (options.queue || keeps_answers) {
    if (ledger.queue == nullptr) {
      BANTAM_TRY(ledger.queue, EscalationQueue::Open(files.queue));
    }
    parts.queue = ledger.queue;
  }
  if (keeps_answers && ledger.late == nullptr) {
    BANTAM_TRY(ledger.late, LateAnswers::Open(files.late_answers));
  }
  parts.late = ledger.late;
  return Ok();
}

Status OpenState(const Path& folder, const RouterOptions& options, RouterParts& parts) {
  BANTAM_RETURN_IF_ERROR(MakeFolders(folder));
  BANTAM_TRY(StateLock lock, StateLock::Acquire(folder));
  parts.lock = std::make_shared<const StateLock>(std::move(lock));
  const StateFiles files(folder);
  BANTAM_RETURN_IF_ERROR(OpenCache(folder, options, parts));
  parts.state_folder = folder;
  BANTAM_TRY(parts.audit, AuditLog::Open(files.audit, options.own_threads));
  // What cannot be taken out is told of, and no reason not to answer.
  if (const Status done = TakeOutOldTexts(parts, {}); !done) {
    Log(LogLevel::kError, "texts older than audit.retention stay in the state folder: {}", done.error().message);
  }
  parts.ledger->usage.SetPast(files.audit, parts.audit->end().records);
  BANTAM_TRY(parts.conversations, ConversationStore::Open(files.conversations, parts.file.session_ttl));
  return OpenQueue(folder, options, parts);
}

// One set of stores for both routers: the chain of the audit log goes on, and nobody waits for a lock of our own.
Status TakeOverState(const RouterParts& before, const Path& folder, const RouterOptions& options, RouterParts& parts) {
  parts.lock = before.lock;
  parts.audit = before.audit;
  parts.state_folder = before.state_folder;
  parts.conversations = before.conversations;
  parts.ledger = before.ledger;
  BANTAM_RETURN_IF_ERROR(OpenQueue(folder, options, parts));
  if (parts.spending) parts.spending->SetLimits(parts.file.spending_limits);
  if (parts.cache != nullptr) parts.cache->SetLimits(parts.file.cache);
  parts.conversations->SetTtl(parts.file.session_ttl);
  return Ok();
}

Status CheckSameName(const RouteFile& file, const RouteFile& before) {
  if (file.name == before.name) return Ok();
  return Err(
      ErrorCode::kConflict,
      "{}:{}:{}: the assistant is called \"{}\" here and is served as \"{}\": its name says where its state lies, "
      "so that another one needs a new start",
      file.path.string(), file.name_line, file.name_column, file.name, before.name);
}

Error AtCrossEncoder(const RouteFile& file, Error problem) {
  problem.code = ErrorCode::kBadConfig;
  problem.message = fmt::format("{}: the cache's cross_encoder \"{}\": {}", file.path.string(),
                                file.semantic_cache->cross_encoder.model, problem.message);
  return problem;
}

bool AnyLimit(const RouteFile& file) {
  const auto limited = [](const UpstreamConfig& config) { return config.limit.any(); };
  return file.spending_limits.total.any() || file.spending_limits.per_key.any() ||
         std::ranges::any_of(file.upstreams, limited);
}

// By name: all endpoints that share it, behind what masks their texts.
void AddUpstreams(const std::shared_ptr<HttpClient>& client, RouterParts& parts) {
  const RouteFile& file = parts.file;
  std::map<std::string, std::vector<std::unique_ptr<Upstream>>> members;
  for (const UpstreamConfig& config : file.upstreams) {
    if (file.disabled_upstreams.contains(config.label)) continue;
    members[config.name].push_back(Upstream::Create(config, client, parts.spending));
  }
  for (auto& [name, group] : members) {
    auto upstream = MakeUpstreamGroup(std::move(group));
    if (file.pii && file.pii->Masks(name)) upstream = MaskBefore(std::move(upstream), *file.pii);
    parts.upstreams[name] = std::move(upstream);
  }
}

}  // namespace

Result<ModelFolder> OpenEncoder(const RouteFile& file, const RouterOptions& options) {
  auto opened = OpenModel(file.encoder_model, options.store);
  if (!opened) return AtEncoder(file, opened.error());
  return *std::move(opened);
}

Result<std::shared_ptr<Embedder>> LoadEncoder(const RouteFile& file, ModelFolder opened, const RouterOptions& options) {
  const auto load = [&]() -> Result<std::unique_ptr<Embedder>> {
    BANTAM_TRY(const WeightType type, ParseWeightType(file.encoder_dtype));
    BANTAM_TRY(LoadedModel model, LoadModel(std::move(opened), {.weight_type = type,
                                                                .num_threads = options.num_threads,
                                                                .engine = {.own_thread = options.own_threads},
                                                                .heads = false}));
    return Embedder::Create(std::move(model), options.embedding_cache);
  };
  auto embedder = load();
  if (!embedder) return AtEncoder(file, embedder.error());
  return std::shared_ptr<Embedder>(*std::move(embedder));
}

Result<std::shared_ptr<const AuditKey>> LoadAuditKey(const RouteFile& file) {
  if (file.audit_key_file.empty()) return std::shared_ptr<const AuditKey>();
  auto key = AuditKey::Load(file.audit_key_file);
  if (key) return key;
  return Err(ErrorCode::kBadConfig, "{}:{}:{}: {}", file.path.string(), file.audit_key_line, file.audit_key_column,
             key.error().message);
}

Result<std::unique_ptr<Router>> Router::Create(RouteFile file, RouterOptions options) {
  const RouterParts* before = options.predecessor == nullptr ? nullptr : &options.predecessor->parts();
  if (before != nullptr) BANTAM_RETURN_IF_ERROR(CheckSameName(file, before->file));
  RouterParts parts{.file = std::move(file), .intents = nullptr};
  parts.offline = options.offline;
  std::shared_ptr<const AuditKey> audit_key;
  if (options.persistent) {
    BANTAM_TRY(audit_key, LoadAuditKey(parts.file));
  }
  for (const std::string& warning : parts.file.warnings) Log(LogLevel::kWarning, "{}", warning);
  IntentOptions intents;
  intents.num_threads = options.num_threads;
  intents.progress = options.progress;
  intents.may_write = options.persistent;
  intents.max_disagreement = options.max_disagreement;
  // What is not persistent may still read: a stored head spares the training.
  if (options.state_folder) {
    if (!options.state_folder->empty()) intents.state_folder = *options.state_folder;
  } else if (const Result<Path> folder = StateFolder(parts.file.name); folder) {
    intents.state_folder = *folder;
  } else if (options.persistent) {
    return folder.error();
  }
  if (options.persistent && before == nullptr) {
    BANTAM_RETURN_IF_ERROR(OpenState(*intents.state_folder, options, parts));
  } else if (options.persistent && before->cache != nullptr && SamePlace(parts.file, before->file)) {
    parts.cache = before->cache;
  } else if (options.persistent) {
    BANTAM_RETURN_IF_ERROR(OpenCache(*intents.state_folder, options, parts));
  } else if (options.cache_in_memory) {
    BANTAM_RETURN_IF_ERROR(OpenCache({}, options, parts));
  }
  // After the state was opened, which takes out what is too old to be learned from.
  if (intents.state_folder) TakeLearned(*intents.state_folder, parts.file, options.generation);
  if (options.offline) parts.file.drift.reset();  // what is played is no traffic
  if (!options.embedder) {
    BANTAM_TRY(ModelFolder opened, OpenEncoder(parts.file, options));
    BANTAM_TRY(options.embedder, LoadEncoder(parts.file, std::move(opened), options));
  }
  BANTAM_RETURN_IF_ERROR(LoadEntityModels(
      parts.file,
      {.num_threads = options.num_threads, .engine = {.own_thread = options.own_threads}, .store = options.store}));
  const std::optional<Path> state = intents.state_folder;
  intents.keep_read = parts.file.challenger > 0;
  if (state) intents.state_folder = LearningFiles(*state).HeadFolder(parts.file.generation);
  BANTAM_TRY(parts.intents, LoadIntentModel(parts.file, options.embedder, intents));
  if (options.rehearse) {
    const auto stage = MakeRouter({.file = parts.file, .intents = parts.intents, .offline = true});
    BANTAM_RETURN_IF_ERROR(Rehearse(*stage, options.progress));
  }
  if (parts.cache && parts.file.semantic_cache) {
    const LoadOptions load{
        .num_threads = options.num_threads, .engine = {.own_thread = options.own_threads}, .store = options.store};
    auto similar = SemanticCache::Create(*parts.file.semantic_cache, parts.file.sha256, *parts.cache, load);
    if (!similar) return AtCrossEncoder(parts.file, similar.error());
    parts.similar = *std::move(similar);
  }
  parts.ask_later = !options.network;
  if (!options.offline && !options.network && !options.queue) {
    for (const UpstreamConfig& upstream : parts.file.upstreams) {
      parts.file.disabled_upstreams.emplace(upstream.label, "the network is not used here");
    }
  }
  const auto client = std::make_shared<HttpClient>();
  if (!options.offline && (options.network || options.queue)) {
    if (before != nullptr) parts.spending = before->spending;
    if (!parts.spending && AnyLimit(parts.file)) {
      const Path spent = options.persistent ? StateFiles(*state).spending : Path();
      BANTAM_TRY(parts.spending, Spending::Open(spent, parts.file.spending_limits));
    }
    AddUpstreams(client, parts);
  }
  if (!options.offline && options.network) {
    parts.send = [client](const OutgoingRequest& request, std::stop_token stop) {
      return SendTraced(*client, request, std::move(stop));
    };
  }
  if (parts.file.learning && options.persistent && options.own_threads && options.network && !options.offline) {
    const auto teacher = parts.upstreams.find(parts.file.learning->teacher);
    parts.learner = std::make_shared<Learner>(parts.file, *state,
                                              teacher == parts.upstreams.end() ? nullptr : teacher->second.get(),
                                              Shadow::Load(parts.file, *state, options.embedder, intents));
  }
  if (options.persistent && before != nullptr)
    BANTAM_RETURN_IF_ERROR(TakeOverState(*before, *intents.state_folder, options, parts));
  if (parts.audit) parts.audit->SetKey(std::move(audit_key));
  return MakeRouter(std::move(parts));
}

}  // namespace bantam
