// One call of Router::Answer, from the message to the answer: a form or a question of ours in progress, the cache, the
// intent head, an action, the large model. In four files, by subject: answering.cc has the order of things,
// answering_cache.cc earlier answers, answering_conversation.cc forms and clarifying questions, answering_upstream.cc
// the large model.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "route/decision.h"
#include "route/decision_policy.h"
#include "route/replay.h"
#include "route/router_parts.h"

namespace bantam {

// Of one call: a router makes one for each.
class Answering {
 public:
  // What became of the call beside its answer.
  struct Notes {
    std::string outcome = "ok";  // for the audit log
    std::string problem;
    std::optional<double> decided;  // the confidence of a message that was decided on anew
    std::string likeliest;          // the route that it is of
    std::vector<float> read;        // Understanding::read
    bool asked = false;             // we had asked back before it
    bool cache_looked_up = false;
    std::optional<SimilarNote> similar;
    bool upstream_asked = false;
    bool upstream_failed = false;
  };

  Answering(RouterParts& parts, const DecisionPolicy& policy, const AssistantRequest& request, const DeltaSink& sink)
      : parts_(parts), file_(parts.file), policy_(policy), request_(request), sink_(sink) {}

  Result<AssistantAnswer> Run();
  // What Run would answer from memory, without waiting for anything; nothing: it takes Run.
  std::optional<AssistantAnswer> RunAtOnce();

  const AssistantAnswer& answer() const { return answer_; }  // as far as it has come, after an error
  const Notes& notes() const { return notes_; }
  std::string_view question() const;  // the message that is decided on

 private:
  void CountTokens();
  Result<Judgement> JudgeMessage(std::string_view text);
  void TakeOver(const Judgement& judgement);

  bool CacheIsUsed() const;
  // What decides, and for whom: part of every cache key.
  struct CacheIdentity {
    std::string intents, asker;
  };
  CacheIdentity Identity() const;
  enum class Where { kAnywhere, kMemory };
  bool FindInCache(Where where);
  void StoreLocal();
  void StoreUpstream(const Understanding& understanding);
  // In place of asking the large model. False as well for a hit that is to be asked again: `audited_` then.
  bool FindSimilar(const Understanding& understanding);
  void GiveSimilar(AssistantAnswer stored);
  void JudgeAudit();

  // `text` is the message or, for one that was only a choice, the message before it. `asked`: how often in a row we
  // have asked back already.
  Status DecideAnew(std::string_view text, int asked);
  Status TakeParts(const Judgement& judgement, std::string_view text);
  Result<ActionResult> RunAction(const Route& route, std::string_view text);
  Status TakeRoute(const Route& route, std::string_view text, const Understanding& understanding, bool cacheable);

  Result<Pending> FindPending();
  Status ContinueTheForm(FormState state);
  Status BeginTheForm(const Form& form, const Route& route, std::string_view text);
  Status FinishFormTurn(const Form& form, FormTurn turn);
  Status AskBack(const Judgement& judgement, std::string_view text, int asked);
  Status TakeReply(const Clarification& asked);
  Status Keep(const std::string& state);
  void Forget();
  void TellThatTheFormIsGone();

  // To the large model, if one is named. `local_text` is what the route's author lets be said without it; empty: that
  // we are not sure.
  Status Escalate(const std::string& model, const Understanding& understanding, std::string local_text, bool cacheable);
  std::optional<UpstreamReply> AskInTurn(const std::string& model);
  UpstreamReply AskUpstream(Upstream& upstream);
  Status TakeUpstreamReply(const UpstreamReply& reply, const Understanding& understanding);
  void NoteDisabled(const std::string& model);
  void NoteProblem(std::string_view outcome, const std::string& problem);
  // False: there is no queue, or it did not take the question. `text`: what is said where it did.
  bool AskLater(const std::string& model, std::string_view problem, const std::string& text);
  AssistantRequest WithEarlierQuestion() const;

  RouterParts& parts_;
  const RouteFile& file_;
  const DecisionPolicy& policy_;
  const AssistantRequest& request_;
  const DeltaSink& sink_;
  SessionLocks::Guard guard_;  // held until the answer is complete
  std::string session_;
  size_t question_index_ = SIZE_MAX;
  std::string earlier_question_;            // that the message is a choice about; empty: it speaks for itself
  std::optional<AssistantAnswer> audited_;  // what the semantic cache would have said, had it not been asked again
  AssistantAnswer answer_;
  Notes notes_;
};

// Session ids of different tenants are different conversations.
std::string SessionKey(const AssistantRequest& request);

}  // namespace bantam
