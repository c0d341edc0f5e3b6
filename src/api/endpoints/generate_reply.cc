#include "api/endpoints/generate_reply.h"

#include <algorithm>
#include <mutex>
#include <stop_token>

#include "api/endpoints/event_reply.h"
#include "api/endpoints/generate_json.h"
#include "api/endpoints/text_thread.h"
#include "api/endpoints/token_clock.h"
#include "api/endpoints/tool_reply.h"
#include "api/error_map.h"
#include "api/work_done.h"
#include "learn/prompt_scores.h"

namespace bantam {
namespace {

struct ChoiceText {
  std::string text;
  std::vector<TokenChoice> tokens;
  size_t num_tokens = 0;  // that were heard of
  size_t text_bytes = 0;
  size_t dropped_bytes = 0;  // of the first token, which are not in the text: the space before a first word
  std::optional<TextEnd> end;
  std::optional<ToolReply> calls;  // where tools may be called
  TokenClock clock;
  bool has_line = false;  // it has come to the end of one
};

// One request, on the thread that waits for its texts.
class Exchange {
 public:
  Exchange(ApiContext& context, const HttpRequest& http, Responder& responder, const GenerateRequest& request,
           WorkDone& work)
      : context_(context),
        http_(http),
        responder_(responder),
        request_(request),
        work_(work),
        json_(request, (request.chat ? "chatcmpl-" : "cmpl-") + http.request_id),
        texts_(static_cast<size_t>(request.best_of) * request.calls.size()) {
    if (request.tools == nullptr) return;
    for (ChoiceText& text : texts_) text.calls.emplace(request.model->generator->tool_use()->format(), *request.tools);
  }

  void Run() {
    if (Gone()) return;  // it waited for us, and gave up
    if (request_.prompt_logprobs) {
      if (Status done = ScorePrompts(); !done) return Fail(done.error());
    }
    if (request_.no_text && !request_.infill) return FinishWithoutText();
    // An editor's text may end before the model's does.
    const bool by_pieces = request_.stream || request_.infill;
    auto started = request_.model->generator->Start(request_.calls, by_pieces ? WakeAt::kPiece : WakeAt::kEnd);
    if (!started) return Fail(started.error());
    const std::unique_ptr<TextStream> stream = *std::move(started);
    prompt_tokens_ = stream->prompt_tokens();
    // Within one step of the engine nothing more is computed for a client that is gone.
    const auto cancel = [&] { stream->Cancel(); };
    const std::stop_callback at_stop(http_.stop, cancel);
    while (true) {
      Result<std::optional<TextEvent>> event = stream->Next(kPingMs);
      if (!event) return Fail(event.error());
      if (!*event) break;
      if (const auto turn = stream->began(); turn && !begun_) work_.Began(*turn);
      if (!Hear(**event)) return;  // the stream's end cancels the rest
      if (request_.infill && texts_.front().end) break;
    }
    Finish();
  }

 private:
  // The prompts' own log probabilities, which the engine, that may have computed them long ago, does not keep.
  Status ScorePrompts() {
    // One request at a time: a pass takes all threads, and a cache of its own.
    static std::timed_mutex turn;
    std::unique_lock lock(turn, std::defer_lock);
    while (!lock.try_lock_for(std::chrono::milliseconds(50))) {
      if (Gone()) return Err(ErrorCode::kCancelled, "the request was cancelled");
      if (MonotonicNow() > request_.calls.front().deadline) return Late();
    }
    const Generator& generator = *request_.model->generator;
    const GenerationEngine& engine = generator.engine();
    for (size_t i = 0; i < request_.calls.size(); ++i) {
      const GenerateCall& call = request_.calls[i];
      const std::vector<LoraUse> adapters = generator.AdaptersOf(call);
      BANTAM_TRY(std::vector<TokenChoice> scores, ScorePrompt(engine.decoder(), *call.prompt_ids,
                                                              {.top = request_.top_logprobs,
                                                               .num_threads = engine.num_threads(),
                                                               .kv_type = engine.kv_type(),
                                                               .adapters = adapters,
                                                               .deadline = call.deadline,
                                                               .stop = [this] { return Gone(); }}));
      scores.insert(scores.begin(), TokenChoice{.id = call.prompt_ids->front()});
      json_.SetPrompt(i, std::move(scores));
    }
    return Ok();
  }

  void FinishWithoutText() {
    const auto per_call = static_cast<size_t>(request_.best_of);
    for (size_t i = 0; i < texts_.size(); ++i) {
      const auto count = static_cast<int>(request_.calls[i / per_call].prompt_ids->size());
      if (i % per_call == 0) prompt_tokens_ += count;
      texts_[i].end = TextEnd{.reason = FinishReason::kLength, .summary = {.prompt_tokens = count}};
      if (!request_.stream) continue;
      if (!SendDelta({.index = static_cast<int>(i), .end = texts_[i].end}, texts_[i])) return;
    }
    Finish();
  }

  bool Gone() const { return http_.stop.stop_requested(); }

  // False: the client is gone.
  bool Hear(TextEvent& event) {
    if (event.tokens.empty() && event.text.empty() && !event.end) {
      if (!request_.stream) return true;
      return Begin() && responder_.Write(": ping\n\n");
    }
    ChoiceText& text = texts_[static_cast<size_t>(event.index)];
    text.clock.Hear(context_.metrics, request_.model->name, http_.received, event);
    if (request_.logprobs && text.num_tokens == 0 && !event.tokens.empty()) {
      text.dropped_bytes = json_.DroppedBytes(event.tokens.front(), event.text);
    }
    // Nothing was written in time, and nothing of the others was told: that is no answer.
    if (request_.stream && !begun_ && event.end && Expired(*event.end)) return Fail(Late()), false;
    text.num_tokens += event.tokens.size();
    text.text_bytes += event.text.size();
    if (event.end) text.end = *event.end;
    if (request_.infill) EndInTime(event, text);
    if (text.calls) event.text = text.calls->Read(event.text, event.end.has_value());
    if (request_.stream) return SendDelta(event, text);
    text.text += event.text;
    std::ranges::move(event.tokens, std::back_inserter(text.tokens));
    return true;
  }

  // The time that an editor gives counts from the first token on, and ends a text that has a whole line.
  void EndInTime(const TextEvent& event, ChoiceText& text) const {
    text.has_line |= event.text.find('\n') != std::string::npos;
    const bool late = text.num_tokens > 0 && text.has_line && request_.line_timeout.count() > 0 &&
                      MonotonicNow() - text.clock.first() > request_.line_timeout;
    if (text.end || !late) return;
    const auto count = static_cast<int>(text.num_tokens);
    text.end = TextEnd{.reason = FinishReason::kDeadline,
                       .summary = {.prompt_tokens = static_cast<int>(prompt_tokens_), .generated_tokens = count}};
  }

  static bool Expired(const TextEnd& end) {
    return end.reason == FinishReason::kDeadline && end.summary.generated_tokens == 0;
  }
  static Error Late() {
    return Err(ErrorCode::kDeadline,
               "the request's time was over before a token was written; it waited for its turn "
               "or its prompt was being read");
  }

  // The end of a text counts for what a stop string cut off, too: those tokens are not told.
  std::span<const TokenChoice> Within(int index, const ChoiceText& text, std::span<const TokenChoice> tokens) const {
    if (!request_.logprobs || !text.end || text.end->stop.empty()) return tokens;
    return tokens.first(json_.TokensWithin(index, tokens, text.text_bytes + text.dropped_bytes));
  }

  static std::string_view ReasonOf(const ChoiceText& text) {
    const bool calls = text.calls && text.calls->finished_with_calls() && text.end->reason == FinishReason::kStop;
    return calls ? "tool_calls" : FinishReasonName(text.end->reason);
  }

  // ------------------------------------------------------------------------------------------------------ in one piece

  void Finish() {
    if (request_.stream) return FinishStream();
    if (std::ranges::all_of(texts_, [](const ChoiceText& text) { return Expired(*text.end); })) return Fail(Late());
    TellWork();
    work_.TellEnd(NumWritten());
    if (request_.infill) {
      const ChoiceText& text = texts_.front();
      return Send({.status = 200,
                   .content_type = "application/json",
                   .body = ToJson(InfillReply(text.text, text.tokens, text)),
                   .headers = {}});
    }
    json::array choices;
    int index = 0;
    for (size_t call = 0; call < request_.calls.size(); ++call) {
      for (const size_t i : Best(call)) {
        const ChoiceText& text = texts_[i];
        const std::string echo = request_.echo.empty() ? "" : request_.echo[call];
        std::span<const CalledFunction> calls;
        if (text.calls) calls = text.calls->calls();
        choices.push_back(
            json_.Choice(index, echo + text.text, Within(index, text, text.tokens), ReasonOf(text), calls));
        ++index;
      }
    }
    Send({.status = 200,
          .content_type = "application/json",
          .body = ToJson(json_.Envelope(std::move(choices), Usage())),
          .headers = {}});
  }

  json::object InfillReply(const std::string& piece, std::span<const TokenChoice> tokens,
                           const ChoiceText& text) const {
    const InfillProgress progress{.has_line = text.has_line,
                                  .prompt_ms = Milliseconds(text.clock.first() - started_),
                                  .text_ms = Milliseconds(text.clock.last() - text.clock.first())};
    if (request_.no_text) return json_.Infill("", {}, text.end ? &*text.end : nullptr, progress);
    return json_.Infill(piece, tokens, text.end ? &*text.end : nullptr, progress);
  }
  static double Milliseconds(MonotonicTime::duration time) {
    return std::max(0.0, std::chrono::duration<double, std::milli>(time).count());
  }

  // The texts of a call that are answered with: its n best by the mean log probability of their tokens, or all of them.
  std::vector<size_t> Best(size_t call) const {
    const auto best_of = static_cast<size_t>(request_.best_of);
    std::vector<size_t> order(best_of);
    for (size_t i = 0; i < best_of; ++i) order[i] = call * best_of + i;
    if (request_.n == request_.best_of) return order;
    const auto score = [&](size_t i) {
      double sum = 0;
      for (const TokenChoice& token : texts_[i].tokens) sum += static_cast<double>(token.logprob);
      return sum / static_cast<double>(std::max<size_t>(texts_[i].tokens.size(), 1));
    };
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return score(a) > score(b); });
    order.resize(static_cast<size_t>(request_.n));
    return order;
  }

  void TellWork() const { work_.Tell(*request_.model, static_cast<size_t>(prompt_tokens_)); }
  int64_t NumWritten() const {
    int64_t count = 0;
    for (const ChoiceText& text : texts_) count += text.end->summary.generated_tokens;
    return count;
  }

  json::object Usage() const {
    int64_t cached = 0, speculated = 0, accepted = 0;
    for (const ChoiceText& choice : texts_) {
      speculated += choice.end->summary.speculated_tokens;
      accepted += choice.end->summary.accepted_tokens;
    }
    // What the first text of a prompt found: the others find what that one left, which the client did not pay for
    // twice.
    for (size_t call = 0; call < request_.calls.size(); ++call) {
      cached += texts_[call * static_cast<size_t>(request_.best_of)].end->summary.cached_tokens;
    }
    json::object usage = json_.Usage(prompt_tokens_, cached, NumWritten());
    usage["completion_tokens_details"] =
        json::object{{"accepted_prediction_tokens", accepted}, {"rejected_prediction_tokens", speculated - accepted}};
    return usage;
  }

  // ---------------------------------------------------------------------------------------------------------- in
  // events

  // The head goes out with the first event: until then a refusal can still be a status.
  bool Begin() {
    if (begun_) return true;
    begun_ = true;
    TellWork();
    responder_.BeginStream(EventStreamHead());
    for (int i = 0; i < request_.num_choices(); ++i) {
      if (request_.chat && !SendEvent(json_.RoleDelta(i))) return false;
      if (request_.echo.empty()) continue;
      const std::string& echo = request_.echo[static_cast<size_t>(i / request_.n)];
      if ((!echo.empty() || request_.prompt_logprobs) && !SendEvent(json_.Delta(i, echo, {}, ""))) return false;
    }
    return true;
  }

  bool SendDelta(const TextEvent& event, ChoiceText& text) {
    if (!Begin()) return false;
    if (request_.infill) return Write(InfillReply(event.text, event.tokens, text));
    const std::span<const TokenChoice> tokens = Within(event.index, text, event.tokens);
    const std::string_view reason = text.end ? ReasonOf(text) : "";
    const bool told = request_.logprobs && !tokens.empty();
    // Chat's last event holds no text; the other endpoint's may, and clients of both accept two.
    if ((!event.text.empty() || told) && !SendEvent(json_.Delta(event.index, event.text, tokens, ""))) return false;
    if (text.calls) {
      const std::vector<CallPiece> calls = text.calls->TakePieces();
      if (!calls.empty() && !SendEvent(json_.Delta(event.index, "", {}, "", calls))) return false;
    }
    return !text.end || SendEvent(json_.Delta(event.index, "", {}, reason));
  }

  bool SendEvent(json::object choice) { return Write(json_.Envelope(json::array{std::move(choice)}, nullptr)); }
  bool Write(const json::object& event) { return responder_.Write("data: " + ToJson(event) + "\n\n"); }

  void FinishStream() {
    if (!Begin()) return;
    work_.TellEnd(NumWritten());
    if (request_.infill) return responder_.End();  // without [DONE], as llama.cpp's
    if (request_.include_usage && !Write(json_.Envelope({}, Usage()))) return;
    EndStream();
  }
  void EndStream() {
    responder_.Write("data: [DONE]\n\n");
    responder_.End();
  }

  void Fail(const Error& error) {
    if (begun_) {
      responder_.Write("data: " + ErrorBody(ApiFamily::kOpenAi, error) + "\n\n");
      return EndStream();
    }
    if (Gone()) return;  // the responder tells whoever still reads
    Send(OpenAiError(error, {}, request_.model->generator->engine().RetryAfter()));
  }
  void Send(HttpReply reply) { responder_.Send(std::move(reply)); }

  ApiContext& context_;
  const HttpRequest& http_;
  Responder& responder_;
  const GenerateRequest& request_;
  WorkDone& work_;
  GenerateJson json_;
  std::vector<ChoiceText> texts_;
  const MonotonicTime started_ = MonotonicNow();
  int64_t prompt_tokens_ = 0;
  bool begun_ = false;
};

}  // namespace

void StartGeneration(ApiContext& context, const HttpRequest& http, Responder& responder, GenerateRequest request) {
  if (request.best_of > request.n && !request.logprobs) {
    for (GenerateCall& call : request.calls) call.sampling.top_logprobs = 0;  // what Best() ranks by
  }
  const auto shared = std::make_shared<const GenerateRequest>(std::move(request));
  const auto work = std::make_shared<WorkDone>(http);
  work->Submitted();
  RunOnTextThread(
      context, http, responder, ApiFamily::kOpenAi, shared->model->generator->engine().RetryAfter(),
      [&context, &http, shared, work](Responder& own) { Exchange(context, http, own, *shared, *work).Run(); });
}

}  // namespace bantam
