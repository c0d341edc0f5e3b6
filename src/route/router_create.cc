// Router::Create: the real parts, put together.
#include <algorithm>

#include "base/log.h"
#include "base/paths.h"
#include "route/head_intent_model.h"
#include "route/privacy/masking_upstream.h"
#include "route/router_parts.h"
#include "route/upstream_group.h"

namespace bantam {
namespace {

Status OpenState(const Path& folder, bool own_threads, RouterParts& parts) {
  BANTAM_RETURN_IF_ERROR(MakeFolders(folder));
  BANTAM_TRY(parts.lock, StateLock::Acquire(folder));
  const StateFiles files(folder);
  if (parts.file.cache_enabled) {
    parts.file.cache.own_thread = own_threads;
    BANTAM_TRY(parts.cache, ResultCache::Open(files.cache, parts.file.cache));
  }
  BANTAM_TRY(parts.audit, AuditLog::Open(files.audit, own_threads));
  parts.audit_file = files.audit;
  BANTAM_TRY(parts.conversations, ConversationStore::Open(files.conversations, parts.file.session_ttl));
  return Ok();
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
  if (!options.offline && !options.network) {
    for (const UpstreamConfig& upstream : parts.file.upstreams) {
      parts.file.disabled_upstreams.emplace(upstream.label, "the network is not used here");
    }
  }
  if (!options.offline && options.network) {
    const auto client = std::make_shared<HttpClient>();
    if (AnyLimit(parts.file)) {
      const Path spent = options.persistent ? StateFiles(*intents.state_folder).spending : Path();
      BANTAM_TRY(parts.spending, Spending::Open(spent, parts.file.spending_limits));
    }
    AddUpstreams(client, parts);
    parts.send = [client](const OutgoingRequest& request, std::stop_token stop) {
      return client->Send(request, {}, stop);
    };
  }
  return MakeRouter(std::move(parts));
}

}  // namespace bantam
