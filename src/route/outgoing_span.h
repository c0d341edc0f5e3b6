// A request that goes out for the one that this thread works for, as a span of its trace. Without a trace nothing
// happens.
//
//   OutgoingSpan span("chat big", out);   // begins; `out` tells whoever is asked
//   span.End(status, "");
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "trace/current_trace.h"

namespace bantam {

class OutgoingSpan {
 public:
  // Neither path nor query of `out` is told: a question may stand there.
  OutgoingSpan(std::string name, OutgoingRequest& out);

  void Add(std::string_view attribute, std::string_view text) {
    if (span_) span_->Add(attribute, std::string(text));
  }
  void Add(std::string_view attribute, int64_t number) {
    if (span_) span_->Add(attribute, number);
  }
  // status: 0, none came. trouble: a word of a closed list; empty: there is none.
  void End(int status, std::string_view trouble);

 private:
  const std::shared_ptr<const RequestTrace> trace_ = CurrentTrace();
  std::optional<Span> span_;
};

// To a service of the route file's author.
Result<IncomingResponse> SendTraced(HttpClient& client, const OutgoingRequest& request, std::stop_token stop);

}  // namespace bantam
