// Router::Create: the real parts, put together.
#include "base/log.h"
#include "base/paths.h"
#include "route/head_intent_model.h"
#include "route/router_parts.h"

namespace bantam {
namespace {

Status OpenState(const Path& folder, bool own_threads, RouterParts& parts) {
  BANTAM_RETURN_IF_ERROR(MakeFolders(folder));
  BANTAM_TRY(parts.lock, StateLock::Acquire(folder));
  const StateFiles files(folder);
  if (parts.file.cache_enabled) {
    parts.file.cache.own_thread = own_threads;
    parts.file.cache.epoch = parts.file.cache_epoch;
    BANTAM_TRY(parts.cache, ResultCache::Open(files.cache, parts.file.cache));
  }
  BANTAM_TRY(parts.audit, AuditLog::Open(files.audit, own_threads));
  parts.audit_file = files.audit;
  BANTAM_TRY(parts.conversations, ConversationStore::Open(files.conversations, parts.file.session_ttl));
  return Ok();
}

Error AtCrossEncoder(const RouteFile& file, Error problem) {
  problem.code = ErrorCode::kBadConfig;
  problem.message = fmt::format("{}: the cache's cross_encoder \"{}\": {}", file.path.string(),
                                file.semantic_cache->cross_encoder.model, problem.message);
  return problem;
}

void AddUpstreams(const std::shared_ptr<HttpClient>& client, RouterParts& parts) {
  for (const UpstreamConfig& config : parts.file.upstreams) {
    if (!parts.file.disabled_upstreams.contains(config.name))
      parts.upstreams[config.name] = Upstream::Create(config, client);
  }
}

}  // namespace

Result<std::unique_ptr<Router>> Router::Create(RouteFile file, RouterOptions options) {
  RouterParts parts{.file = std::move(file), .intents = nullptr};
  parts.offline = options.offline;
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
  if (options.persistent) {
    BANTAM_RETURN_IF_ERROR(OpenState(*intents.state_folder, options.own_threads, parts));
  }
  if (!options.embedder) {
    BANTAM_TRY(const WeightType type, ParseWeightType(parts.file.encoder_dtype));
    auto embedder = Embedder::Load(parts.file.encoder_model, {.weight_type = type,
                                                              .num_threads = options.num_threads,
                                                              .engine = {.own_thread = options.own_threads},
                                                              .store = options.store});
    if (!embedder) return AtEncoder(parts.file, embedder.error());
    options.embedder = *std::move(embedder);
  }
  BANTAM_TRY(parts.intents, LoadIntentModel(parts.file, options.embedder, intents));
  if (parts.cache && parts.file.semantic_cache) {
    const LoadOptions load{
        .num_threads = options.num_threads, .engine = {.own_thread = options.own_threads}, .store = options.store};
    auto similar = SemanticCache::Create(*parts.file.semantic_cache, parts.file.sha256, *parts.cache, load);
    if (!similar) return AtCrossEncoder(parts.file, similar.error());
    parts.similar = *std::move(similar);
  }
  if (!options.offline && !options.network) {
    for (const UpstreamConfig& upstream : parts.file.upstreams) {
      parts.file.disabled_upstreams.emplace(upstream.name, "the network is not used here");
    }
  }
  if (!options.offline && options.network) {
    const auto client = std::make_shared<HttpClient>();
    AddUpstreams(client, parts);
    parts.send = [client](const OutgoingRequest& request, std::stop_token stop) {
      return client->Send(request, {}, stop);
    };
  }
  return MakeRouter(std::move(parts));
}

}  // namespace bantam
