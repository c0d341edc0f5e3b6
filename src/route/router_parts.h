// What a router is made of. Router::Create takes the real parts; tests of the flow bring their own.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "route/actions/action.h"
#include "route/audit_log.h"
#include "route/conversation_store.h"
#include "route/forms/date.h"
#include "route/intent_model.h"
#include "route/result_cache.h"
#include "route/router.h"
#include "route/state_folder.h"
#include "route/upstream.h"

namespace bantam {

struct RouterParts {
  RouteFile file;
  std::unique_ptr<IntentModel> intents;
  std::optional<StateLock> lock = {};
  std::unique_ptr<ResultCache> cache = {};                          // null: nothing is kept
  std::unique_ptr<SemanticCache> similar = {};                      // null: questions are found only as they were asked
  std::unique_ptr<AuditLog> audit = {};                             // null: nothing is recorded
  Path audit_file = {};                                             // where it lies, for feedback on earlier answers
  std::unique_ptr<ConversationStore> conversations = {};            // null: in memory
  std::map<std::string, std::unique_ptr<Upstream>> upstreams = {};  // by model_name; a missing one is switched off
  HttpSend send = {};                                               // null: services cannot be reached
  bool offline = false;                                             // as RouterOptions
  std::function<Day()> today = LocalToday;
};

std::unique_ptr<Router> MakeRouter(RouterParts parts);

// Conversations of one process, for what is not persistent. Expires nothing; keeps the latest 10,000.
std::unique_ptr<ConversationStore> MakeMemoryConversations();

}  // namespace bantam
