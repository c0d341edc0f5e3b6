// One endpoint = one function in one file, and one row in table.cc.
#pragma once

#include <span>

#include "api/context.h"
#include "api/http_types.h"

namespace bantam {

using EndpointHandler = void (*)(ApiContext& context, const HttpRequest& request, Responder& responder);

struct Endpoint {
  const char* method;
  const char* path;  // exact, or a prefix when it ends with '/' and `prefix` is set
  EndpointHandler handler;
  const char* summary;
  bool light = false;  // answered on the I/O thread: must not block
  bool prefix = false;
  // Whether a request is small enough to be handled on the I/O thread, with an answer that comes later; null: none is.
  bool (*quick)(const HttpRequest& request) = nullptr;
};

std::span<const Endpoint> Endpoints();

void HandleChat(ApiContext&, const HttpRequest&, Responder&);
void HandleCompletions(ApiContext&, const HttpRequest&, Responder&);
void HandleInfill(ApiContext&, const HttpRequest&, Responder&);
void HandleEmbeddings(ApiContext&, const HttpRequest&, Responder&);
bool IsQuickEmbeddings(const HttpRequest&);
void HandleTeiEmbed(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiEmbedAll(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiEmbedSparse(ApiContext&, const HttpRequest&, Responder&);
void HandleCohereEmbed(ApiContext&, const HttpRequest&, Responder&);
void HandleClassify(ApiContext&, const HttpRequest&, Responder&);
void HandleRerank(ApiContext&, const HttpRequest&, Responder&);
void HandleTag(ApiContext&, const HttpRequest&, Responder&);
void HandleQa(ApiContext&, const HttpRequest&, Responder&);
void HandleFillMask(ApiContext&, const HttpRequest&, Responder&);
void HandleModels(ApiContext&, const HttpRequest&, Responder&);
void HandleModel(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaPs(ApiContext&, const HttpRequest&, Responder&);
void HandleHealth(ApiContext&, const HttpRequest&, Responder&);
void HandleReady(ApiContext&, const HttpRequest&, Responder&);
void HandleMetrics(ApiContext&, const HttpRequest&, Responder&);
void HandleConsole(ApiContext&, const HttpRequest&, Responder&);
void HandleConsoleStats(ApiContext&, const HttpRequest&, Responder&);
void HandleConsoleExamples(ApiContext&, const HttpRequest&, Responder&);

}  // namespace bantam
