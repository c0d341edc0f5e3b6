#include "api/endpoints/text_exchange.h"

#include <optional>
#include <stop_token>

#include "api/endpoints/event_reply.h"
#include "api/endpoints/text_thread.h"
#include "api/endpoints/thought_splitter.h"
#include "api/endpoints/token_clock.h"
#include "api/work_done.h"

namespace bantam {
namespace {

// One request, on the thread that waits for its text.
class TextExchange {
 public:
  TextExchange(ApiContext& context, const HttpRequest& http, const TextRequest& request, WorkDone& work,
               TextWriter& writer)
      : context_(context),
        http_(http),
        request_(request),
        work_(work),
        writer_(writer),
        thoughts_(request.thought_opening, request.thought_closing, request.in_thought) {
    if (request.tools == nullptr) return;
    calls_.emplace(request.model->generator->tool_use()->format(), *request.tools, request.call_id_prefix);
  }

  void Run() {
    if (Gone()) return;  // it waited, and gave up
    auto started = request_.model->generator->Start(request_.call, writer_.streams() ? WakeAt::kPiece : WakeAt::kEnd);
    if (!started) return Fail(started.error());
    const std::unique_ptr<TextStream> stream = *std::move(started);
    prompt_tokens_ = stream->prompt_tokens();
    writer_.Begin(prompt_tokens_);
    // Within one step of the engine nothing more is computed for a client that is gone.
    const auto cancel = [&] { stream->Cancel(); };
    const std::stop_callback at_stop(http_.stop, cancel);
    std::optional<TextEnd> end;
    while (true) {
      Result<std::optional<TextEvent>> event = stream->Next(writer_.pings() ? kPingMs : 0);
      if (!event) return Fail(event.error());
      if (!*event) break;
      if (const auto turn = stream->began(); turn && !told_) work_.Began(*turn);
      if ((*event)->end) end = (*event)->end;
      if (end && end->reason == FinishReason::kDeadline && end->summary.generated_tokens == 0) {
        return Fail(Err(ErrorCode::kDeadline, "the request's time was over before a token was written"));
      }
      if (!Hear(**event)) return;  // the stream's end cancels the rest
    }
    if (end) Finish(*std::move(end));
  }

 private:
  // False: the client is gone.
  bool Hear(const TextEvent& event) {
    TellWork();
    if (event.tokens.empty() && event.text.empty() && !event.end) return writer_.Ping();
    clock_.Hear(context_.metrics, request_.model->name, http_.received, event);
    const bool is_last = event.end.has_value();
    const bool was_in_thought = thoughts_.in_thought();
    ThoughtSplitter::Parts parts = thoughts_.Read(event.text, is_last);
    if (was_in_thought || thoughts_.in_thought()) num_thought_tokens_ += static_cast<int64_t>(event.tokens.size());
    TextPart part{.thought = std::move(parts.thought), .said = std::move(parts.said), .tokens = event.tokens};
    if (calls_) {
      part.said = calls_->Read(part.said, is_last);
      part.calls = calls_->TakePieces();
      part.num_whole_calls = calls_->num_complete();
    }
    return writer_.Add(std::move(part));
  }

  void Finish(TextEnd end) {
    work_.TellEnd(end.summary.generated_tokens);
    const bool has_calls = calls_ && calls_->finished_with_calls() && end.reason == FinishReason::kStop;
    writer_.Finish({.end = std::move(end),
                    .has_calls = has_calls,
                    .num_thought_tokens = num_thought_tokens_,
                    .started = started_,
                    .first = clock_.first(),
                    .last = clock_.last()});
  }

  // Before the head of the reply goes out.
  void TellWork() {
    if (std::exchange(told_, true)) return;
    work_.Tell(*request_.model, static_cast<size_t>(prompt_tokens_));
  }

  bool Gone() const { return http_.stop.stop_requested(); }
  // Of a client that is gone the responder tells whoever still reads.
  void Fail(const Error& error) {
    if (Gone() && !writer_.begun()) return;
    writer_.Fail(error, request_.model->generator->engine().RetryAfter());
  }

  ApiContext& context_;
  const HttpRequest& http_;
  const TextRequest& request_;
  WorkDone& work_;
  TextWriter& writer_;
  ThoughtSplitter thoughts_;
  std::optional<ToolReply> calls_;  // where functions may be called
  TokenClock clock_;
  const MonotonicTime started_ = MonotonicNow();
  int64_t prompt_tokens_ = 0, num_thought_tokens_ = 0;
  bool told_ = false;
};

}  // namespace

bool TellThoughtsApart(TextRequest& text, std::optional<bool> wanted, json::object& variables) {
  const ToolUse* use = text.model->generator->tool_use();
  if (use == nullptr || use->thought_opening().empty()) return false;
  text.thought_opening = use->thought_opening();
  text.thought_closing = use->thought_closing();
  if (wanted) variables["enable_thinking"] = *wanted;
  return true;
}

void StartText(ApiContext& context, const HttpRequest& http, Responder& responder, ApiFamily family,
               std::shared_ptr<const TextRequest> text, TextWriterMaker writer) {
  const auto work = std::make_shared<WorkDone>(http);
  work->Submitted();
  const int retry_after_s = text->model->generator->engine().RetryAfter();
  RunOnTextThread(context, http, responder, family, retry_after_s,
                  [&context, &http, work, text = std::move(text), writer = std::move(writer)](Responder& own) {
                    const std::unique_ptr<TextWriter> reply = writer(http, own);
                    TextExchange(context, http, *text, *work, *reply).Run();
                  });
}

}  // namespace bantam
