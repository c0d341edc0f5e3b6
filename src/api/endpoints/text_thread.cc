#include "api/endpoints/text_thread.h"

#include <exception>

#include "base/log.h"

namespace bantam {

void RunOnTextThread(ApiContext& context, const HttpRequest& http, Responder& responder, ApiFamily family,
                     int retry_after_s, std::function<void(Responder&)> work) {
  const std::shared_ptr<Responder> taken = responder.TakeOver();
  const bool posted = context.text_workers->TryPost([&http, taken, family, work = std::move(work)] {
    try {
      work(*taken);
    } catch (const std::exception& e) {
      Log(LogLevel::kError, "{} {}: {}", http.method, http.path, e.what());
      taken->Send(ErrorReply(family, Err(ErrorCode::kInternal, "internal error"), {}, 1, http.request_id));
    }
  });
  if (posted) return;
  taken->Send(ErrorReply(family, Err(ErrorCode::kOverloaded, "too many requests wait for a text or for a model"), {},
                         retry_after_s, http.request_id));
}

}  // namespace bantam
