// What a router is made of. Router::Create takes the real parts; tests of the flow bring their own.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "route/actions/action.h"
#include "route/audit_log.h"
#include "route/conversation_store.h"
#include "route/escalation_queue.h"
#include "route/feedback.h"
#include "route/forms/date.h"
#include "route/intent_model.h"
#include "route/late_answers.h"
#include "route/learning/learner.h"
#include "route/result_cache.h"
#include "route/router.h"
#include "route/session_locks.h"
#include "route/state_folder.h"
#include "route/upstream.h"
#include "route/usage.h"

namespace bantam {

// Conversations of one process, for what is not persistent. Expires nothing; keeps the latest 10,000.
std::unique_ptr<ConversationStore> MakeMemoryConversations();

// What the calls of one assistant share, whichever of its routers answers them.
struct CallLedger {
  SessionLocks sessions;
  std::mutex stats_mutex;
  RouterStats stats;           // guarded by stats_mutex
  std::string calibration_id;  // that stats.caution is about; guarded by stats_mutex
  UsageMeter usage;
  std::mutex book_mutex;
  AnswerBook book;        // guarded by book_mutex
  std::mutex send_mutex;  // held while the queue is sent: one at a time
  // Opened by the first route file that wants them, and open as long as there is one that may.
  std::shared_ptr<EscalationQueue> queue = {};
  std::shared_ptr<LateAnswers> late = {};
};

struct RouterParts {
  RouteFile file;
  std::shared_ptr<IntentModel> intents;
  // The assistant's, not the file's: a successor has the same.
  Path state_folder = {};  // empty: there is none
  std::shared_ptr<const StateLock> lock = {};
  std::shared_ptr<ResultCache> cache = {};  // null: nothing is kept
  std::shared_ptr<AuditLog> audit = {};     // null: nothing is recorded
  std::shared_ptr<ConversationStore> conversations = MakeMemoryConversations();
  std::shared_ptr<Spending> spending = {};      // null: nothing limits it
  std::shared_ptr<EscalationQueue> queue = {};  // null: what cannot be asked now is not asked
  std::shared_ptr<LateAnswers> late = {};       // null: what the queue's questions come to is not kept here
  std::shared_ptr<CallLedger> ledger = std::make_shared<CallLedger>();

  std::unique_ptr<SemanticCache> similar = {};                      // null: questions are found only as they were asked
  std::map<std::string, std::unique_ptr<Upstream>> upstreams = {};  // by model_name; a missing one is switched off
  std::shared_ptr<Learner> learner = {};  // null: nothing is learned. After the upstreams, of which it asks one
  bool ask_later = false;                 // they are asked by SendQueued alone
  HttpSend send = {};                     // null: services cannot be reached
  bool offline = false;                   // as RouterOptions
  std::function<Day()> today = LocalToday;
};

std::unique_ptr<Router> MakeRouter(RouterParts parts);

}  // namespace bantam
