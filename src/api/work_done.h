// What was done for a request: by which model, over how many tokens, and where its time went. Told in headers of the
// reply (docs/reference/http-api.md has them) and in the request's line of the log.
//
//   WorkDone work(request);
//   model->classifier->Classify(texts, {.times = &work.engine});
//   work.Tell(*model, num_tokens);   // before the reply is sent
#pragma once

#include <memory>
#include <string_view>

#include "api/http_types.h"
#include "engine/encode_job.h"

namespace bantam {

struct ServedModel;

class WorkDone {
 public:
  // Outlives the request, if need be.
  explicit WorkDone(const HttpRequest& request)
      : notes_(request.notes), received_(request.received), begun_(request.begun) {}

  // Of the engine, by whoever asks it. Where nothing was submitted, reading the request was all there was to do.
  EngineTimes engine = {};
  // The same of a text: its prompt is read and waits; its turn came.
  void Submitted() { engine.submitted = MonotonicNow(); }
  void Began(MonotonicTime when);

  void Tell(const ServedModel& model, size_t num_tokens) const;
  void Tell(std::string_view model, std::string_view weights_sha256, size_t num_tokens) const;
  // No more than this; the hash may be empty: nobody knows it.
  void TellModel(std::string_view model, std::string_view weights_sha256) const;
  // Of a text, beside that, when it is written: in the headers, if they did not go out with its first piece.
  void TellEnd(int64_t num_written_tokens);
  // Of an answer of the assistant, which took so long: its tokens, and a large model that was asked, included.
  void TellAnswer(double latency_ms, bool cache_hit) const;
  // Whether a cache had everything that was asked for.
  void TellCache(bool hit) const;

 private:
  void TellTimes(const StageTimes& times) const;

  const std::shared_ptr<ReplyNotes> notes_;
  const MonotonicTime received_, begun_;
};

}  // namespace bantam
