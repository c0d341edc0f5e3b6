// The order of things: a form in progress, the cache, the intent head, an action, the large model; and a record of each
// decision, whatever became of it. One Decision object is one call of Answer.
#include "route/router.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "base/log.h"
#include "base/sha256.h"
#include "route/answer_codec.h"
#include "route/decision.h"
#include "route/forms/submit.h"
#include "route/replay.h"
#include "route/router_parts.h"
#include "route/session_locks.h"

namespace bantam {
namespace {

// A decision's outcome beside its answer.
struct Notes {
  std::string outcome = "ok";  // for the audit log
  std::string problem;
  bool cache_looked_up = false;
  bool upstream_asked = false;
  bool upstream_failed = false;
};

std::string Underscored(std::string_view words) {
  std::string out(words);
  std::replace(out.begin(), out.end(), ' ', '_');
  return out;
}

std::optional<size_t> LastUserMessage(const std::vector<ChatMessage>& messages) {
  for (size_t i = messages.size(); i > 0; --i) {
    if (messages[i - 1].role == "user") return i - 1;
  }
  return std::nullopt;
}

// Session ids of different tenants are different conversations.
std::string SessionKey(const AssistantRequest& request) {
  return request.tenant.empty() ? request.session_id
                                : fmt::format("{}:{}:{}", request.tenant.size(), request.tenant, request.session_id);
}

class Decision {
 public:
  Decision(RouterParts& parts, SessionLocks& locks, const AssistantRequest& request, const DeltaSink& sink)
      : parts_(parts), file_(parts.file), locks_(locks), request_(request), sink_(sink) {}

  Result<AssistantAnswer> Run() {
    const auto last = LastUserMessage(request_.messages);
    if (!last)
      return Err(ErrorCode::kInvalidArgument, "there is no message with the role \"user\"; add the question as one");
    question_index_ = *last;
    if (!request_.session_id.empty()) {
      session_ = SessionKey(request_);
      BANTAM_TRY(guard_, locks_.Acquire(session_, request_.deadline, request_.stop));
    }
    BANTAM_TRY(std::optional<FormState> state, FormInProgress());
    if (state) {
      BANTAM_RETURN_IF_ERROR(ContinueTheForm(*std::move(state)));
      return std::move(answer_);
    }
    if (FindInCache()) return std::move(answer_);
    BANTAM_RETURN_IF_ERROR(DecideAnew());
    return std::move(answer_);
  }

  const AssistantAnswer& answer() const { return answer_; }
  const Notes& notes() const { return notes_; }
  std::string_view question() const {
    return question_index_ < request_.messages.size() ? std::string_view(request_.messages[question_index_].content)
                                                      : std::string_view();
  }

 private:
  // -- what the message means

  Result<Judgement> JudgeMessage(std::string_view text) {
    if (request_.stop.stop_requested()) return Err(ErrorCode::kCancelled, "the client went away");
    BANTAM_TRY(Understanding understanding, parts_.intents->Understand(text, request_.deadline));
    return Judge(file_, std::move(understanding), parts_.intents->threshold());
  }

  void TakeOver(const Judgement& judgement) {
    answer_.confidence = judgement.understanding.confidence;
    answer_.threshold = static_cast<float>(judgement.threshold);
    answer_.nearest = judgement.understanding.nearest;
    answer_.exit_layer = judgement.understanding.exit_layer;
    answer_.prompt_tokens = static_cast<int64_t>(judgement.understanding.num_tokens);
    answer_.source = AnswerSource::kLocalModel;
    if (judgement.route != nullptr) answer_.route = judgement.route->name;
  }

  // -- forms

  Result<std::optional<FormState>> FormInProgress() {
    if (!session_.empty()) {
      BANTAM_TRY(const std::optional<std::string> stored, parts_.conversations->Load(session_));
      if (!stored) return std::optional<FormState>();
      return FormState::FromJson(*stored, file_);
    }
    return RebuildForm(file_, request_.messages, question_index_, request_.tenant, parts_.today(),
                       [&](std::string_view text) { return JudgeMessage(text); });
  }

  Status ContinueTheForm(FormState state) {
    const Form& form = file_.forms.at(state.form);
    std::optional<Judgement> judgement;
    const Digress digress = [&]() -> Result<Digression> {
      BANTAM_TRY(judgement, JudgeMessage(question()));
      return JudgeDigression(file_, state.route, *judgement, question());
    };
    const std::string route = state.route;
    BANTAM_TRY(FormTurn turn, ContinueForm(form, state, question(), parts_.today(), digress));
    if (turn.digressed) {
      TakeOver(*judgement);
      answer_.decision = DecisionKind::kAnswer;
    } else {
      if (judgement) answer_.nearest = judgement->understanding.nearest;
      answer_.route = route;
      answer_.confidence = 1;
      answer_.source = AnswerSource::kRule;
      answer_.decision = DecisionKind::kForm;
    }
    return FinishFormTurn(form, std::move(turn));
  }

  Status BeginTheForm(const Form& form, const Route& route) {
    FormTurn turn = BeginForm(form, route.name, question(), parts_.today());
    turn.state.seed = session_.empty()
                          ? ReplaySeed(request_.messages, question_index_, request_.tenant)
                          : Sha256Hex(fmt::format("{} {} {}", session_.size(), session_, request_.request_id));
    return FinishFormTurn(form, std::move(turn));
  }

  Status FinishFormTurn(const Form& form, FormTurn turn) {
    if (turn.step == FormStep::kSubmit) {
      // Kept before it is handed in: when we are killed meanwhile, another "yes" hands in the same form with the same
      // key.
      BANTAM_RETURN_IF_ERROR(Remember(turn));
      SubmitResult submitted{.accepted = true};
      if (!parts_.offline) {
        submitted = SubmitForm(form, turn.state, parts_.send, request_.request_id, request_.deadline, request_.stop);
      }
      notes_.outcome = submitted.outcome;
      notes_.problem = submitted.problem;
      if (submitted.outcome == "cancelled")
        return Err(ErrorCode::kCancelled, "the client went away while the form was handed in");
      if (!submitted.accepted)
        Log(LogLevel::kWarning, "form \"{}\" could not be handed in: {}", form.name, submitted.problem);
      turn =
          submitted.accepted ? SubmitSucceeded(form, std::move(turn.state)) : SubmitFailed(form, std::move(turn.state));
    }
    answer_.text = turn.text;
    answer_.form = ProgressOf(turn.state, form, StateWord(turn));
    return Remember(turn);
  }

  Status Remember(const FormTurn& turn) {
    if (session_.empty()) return Ok();
    if (turn.open()) return parts_.conversations->Save(session_, turn.state.ToJson());
    if (const Status erased = parts_.conversations->Erase(session_); !erased) {
      // The answer stands; the worst that follows is a "yes" that hands in the same form once more with the same key.
      Log(LogLevel::kError, "cannot end a conversation: {}", erased.error().message);
    }
    return Ok();
  }

  // -- cache

  bool CacheIsUsed() const { return parts_.cache != nullptr && file_.cache_enabled && !request_.no_store; }
  AnswerIdentity Identity() const { return {file_.sha256, parts_.intents->identity()}; }

  bool FindInCache() {
    if (!CacheIsUsed()) return false;
    notes_.cache_looked_up = true;
    std::optional<std::string> stored = parts_.cache->Find(LocalAnswerKey(Identity(), request_, question()));
    if (!stored && !parts_.upstreams.empty()) {
      stored = parts_.cache->Find(UpstreamAnswerKey(Identity(), request_, question(), question_index_));
    }
    if (!stored) return false;
    std::optional<AssistantAnswer> answer = DecodeAnswer(*stored);
    if (!answer) return false;
    answer_ = *std::move(answer);
    return true;
  }

  void StoreLocal() {
    if (CacheIsUsed()) parts_.cache->Store(LocalAnswerKey(Identity(), request_, question()), EncodeAnswer(answer_));
  }
  void StoreUpstream() {
    if (CacheIsUsed()) {
      parts_.cache->Store(UpstreamAnswerKey(Identity(), request_, question(), question_index_), EncodeAnswer(answer_));
    }
  }

  // -- the rest

  Status DecideAnew() {
    BANTAM_TRY(const Judgement judgement, JudgeMessage(question()));
    TakeOver(judgement);
    if (judgement.route == nullptr) {
      answer_.decision = DecisionKind::kUnsure;
      return Escalate(file_.fallback_upstream, judgement.understanding, {}, /*cacheable=*/true);
    }
    const Route& route = *judgement.route;
    answer_.decision = route.action->kind();
    if (const std::string form = route.action->FormToStart(); !form.empty())
      return BeginTheForm(file_.forms.at(form), route);
    const HttpSend& send = parts_.send;
    BANTAM_TRY(ActionResult result, route.action->Run({.file = file_,
                                                       .question = question(),
                                                       .request_id = request_.request_id,
                                                       .send = send,
                                                       .deadline = request_.deadline,
                                                       .stop = request_.stop}));
    notes_.outcome = result.outcome;
    notes_.problem = result.problem;
    if (!result.problem.empty() && !parts_.offline)
      Log(LogLevel::kWarning, "route \"{}\": {}", route.name, result.problem);
    if (result.escalate) {
      return Escalate(result.escalate_model, judgement.understanding, std::move(result.text), result.cacheable);
    }
    answer_.text = std::move(result.text);
    if (result.cacheable) StoreLocal();
    return Ok();
  }

  // To the large model, if one is named. `local_text` is what is said without it; empty: that we are not sure.
  Status Escalate(const std::string& model, const Understanding& understanding, std::string local_text,
                  bool cacheable) {
    if (local_text.empty()) local_text = UnsureText(file_, understanding);
    if (model.empty()) {
      answer_.text = std::move(local_text);
      if (cacheable) StoreLocal();
      return Ok();
    }
    answer_.model = model;
    if (parts_.offline) {
      answer_.decision = DecisionKind::kEscalate;
      answer_.text = fmt::format("(This question would be handed to the model \"{}\".)", model);
      return Ok();
    }
    const auto upstream = parts_.upstreams.find(model);
    if (upstream == parts_.upstreams.end()) {
      const auto why = file_.disabled_upstreams.find(model);
      notes_.outcome = "upstream_disabled";
      notes_.problem = fmt::format("\"{}\" is switched off: {}", model,
                                   why == file_.disabled_upstreams.end() ? "unknown" : why->second);
      answer_.upstream_error = fmt::format("\"{}\" is switched off", model);
      answer_.text = std::move(local_text);
      return Ok();
    }
    return AskUpstream(*upstream->second, understanding, std::move(local_text));
  }

  Status AskUpstream(Upstream& upstream, const Understanding& understanding, std::string local_text) {
    notes_.upstream_asked = true;
    const bool has_route = !answer_.route.empty();
    UpstreamReply reply = upstream.Ask(request_, sink_);
    answer_.cost = reply.cost;
    answer_.prompt_tokens = reply.prompt_tokens;
    answer_.completion_tokens = reply.completion_tokens;
    notes_.outcome = UpstreamOutcomeName(reply.outcome);
    notes_.problem = reply.problem;
    if (reply.outcome == UpstreamOutcome::kOk) {
      answer_.source = AnswerSource::kUpstream;
      answer_.decision = DecisionKind::kEscalate;
      answer_.text = std::move(reply.text);
      answer_.finish_reason = std::move(reply.finish_reason);
      StoreUpstream();
      return Ok();
    }
    if (reply.outcome == UpstreamOutcome::kCancelled)
      return Err(ErrorCode::kCancelled, "the client went away while the model answered");
    notes_.upstream_failed = true;
    if (reply.text_was_sent) {
      answer_.source = AnswerSource::kUpstream;
      answer_.decision = DecisionKind::kEscalate;
      return Err(reply.outcome == UpstreamOutcome::kTimeout ? ErrorCode::kDeadline : ErrorCode::kUnavailable, "{}",
                 reply.problem);
    }
    answer_.upstream_error = reply.problem;
    answer_.text = has_route ? std::move(local_text) : UpstreamFailedText(file_, understanding, reply.outcome);
    return Ok();
  }

  RouterParts& parts_;
  const RouteFile& file_;
  SessionLocks& locks_;
  const AssistantRequest& request_;
  const DeltaSink& sink_;
  SessionLocks::Guard guard_;  // held until the answer is complete
  std::string session_;
  size_t question_index_ = SIZE_MAX;
  AssistantAnswer answer_;
  Notes notes_;
};

class RouterImpl : public Router {
 public:
  explicit RouterImpl(RouterParts parts) : parts_(std::move(parts)) {
    if (!parts_.conversations) parts_.conversations = MakeMemoryConversations();
    if (!parts_.send) {
      parts_.send = [](const OutgoingRequest&, std::stop_token) -> Result<IncomingResponse> {
        return Err(ErrorCode::kUnavailable, "services are not called here");
      };
    }
  }

  Result<AssistantAnswer> Answer(const AssistantRequest& request, const DeltaSink& sink) override {
    const MonotonicTime start = MonotonicNow();
    Decision decision(parts_, locks_, request, sink);
    Result<AssistantAnswer> result = decision.Run();
    const double latency_ms = MillisecondsSince(start);
    if (result) result->latency_ms = latency_ms;
    const AssistantAnswer& answer = result ? *result : decision.answer();
    Count(result.has_value(), answer, decision.notes());
    Record(request, decision, result, answer, latency_ms);
    return result;
  }

  Result<Explanation> Explain(std::string_view text) override {
    BANTAM_TRY(Understanding understanding, parts_.intents->Understand(text, MonotonicTime::max()));
    const Judgement judgement = Judge(parts_.file, std::move(understanding), parts_.intents->threshold());
    Explanation explanation;
    explanation.threshold = judgement.threshold;
    const Route* likeliest = parts_.file.FindRoute(judgement.understanding.route);
    explanation.threshold_from = likeliest != nullptr && likeliest->confidence_threshold ? "route"
                                 : parts_.file.confidence_threshold                      ? "route file"
                                                                                         : "head";
    if (judgement.route != nullptr) {
      explanation.route = judgement.route->name;
      explanation.action = judgement.route->action->Describe();
      explanation.decision = judgement.route->action->kind();
    } else if (!parts_.file.fallback_upstream.empty()) {
      explanation.action = "ask " + parts_.file.fallback_upstream;
      explanation.decision = DecisionKind::kEscalate;
    } else {
      explanation.action = "respond utter_unsure";
    }
    explanation.understanding = judgement.understanding;
    return explanation;
  }

  const RouteFile& file() const override { return parts_.file; }
  const Head& head() const override {
    BANTAM_CHECK(parts_.intents->head() != nullptr, "this router was made without a head");
    return *parts_.intents->head();
  }
  Embedder& embedder() override {
    BANTAM_CHECK(parts_.intents->embedder() != nullptr, "this router was made without an embedder");
    return *parts_.intents->embedder();
  }
  RouterStats Stats() const override {
    const std::lock_guard lock(stats_mutex_);
    return stats_;
  }

 private:
  void Count(bool answered, const AssistantAnswer& answer, const Notes& notes) {
    const std::lock_guard lock(stats_mutex_);
    ++stats_.requests;
    if (answered) {
      ++stats_.by_source[static_cast<size_t>(answer.source)];
      ++stats_.by_decision[static_cast<size_t>(answer.decision)];
    }
    stats_.cache_lookups += notes.cache_looked_up;
    stats_.cache_hits += answer.cache_hit;
    stats_.upstream_requests += notes.upstream_asked;
    stats_.upstream_failures += notes.upstream_failed;
    stats_.total_cost += answer.cost;
  }

  void Record(const AssistantRequest& request, const Decision& decision, const Result<AssistantAnswer>& result,
              const AssistantAnswer& answer, double latency_ms) {
    if (!parts_.audit) return;
    AuditRecord record;
    record.request_id = request.request_id;
    if (!request.session_id.empty()) record.session_hash = Sha256Hex(SessionKey(request));
    record.route = answer.route;
    record.source = AnswerSourceName(answer.source);
    record.decision = DecisionKindName(answer.decision);
    record.model = answer.model;
    record.outcome = decision.notes().outcome;
    record.problem = decision.notes().problem;
    if (!result && record.outcome == "ok") {
      record.outcome = Underscored(ErrorCodeName(result.error().code));
      record.problem = result.error().message;
    }
    record.confidence = answer.confidence;
    record.threshold = answer.threshold;
    record.latency_ms = latency_ms;
    record.cost = answer.cost;
    record.question_sha256 = Sha256Hex(decision.question());
    if (result) record.answer_sha256 = Sha256Hex(answer.text);
    if (parts_.file.audit_texts) {
      record.question = decision.question();
      if (result) record.answer = answer.text;
    }
    record.route_file_sha256 = parts_.file.sha256;
    record.head_sha256 = parts_.intents->identity();
    record.nearest.assign(answer.nearest.begin(),
                          answer.nearest.begin() + static_cast<ptrdiff_t>(std::min<size_t>(3, answer.nearest.size())));
    if (const Status appended = parts_.audit->Append(std::move(record)); !appended) {
      Log(LogLevel::kError, "the decision on request {} is not in the audit log: {}", request.request_id,
          appended.error().message);
    }
  }

  RouterParts parts_;
  SessionLocks locks_;
  mutable std::mutex stats_mutex_;
  RouterStats stats_;
};

}  // namespace

std::unique_ptr<Router> MakeRouter(RouterParts parts) { return std::make_unique<RouterImpl>(std::move(parts)); }

}  // namespace bantam
