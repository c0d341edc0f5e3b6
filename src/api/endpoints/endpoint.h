// One endpoint = one function in one file, and one row in table.cc.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "api/context.h"
#include "api/error_map.h"
#include "api/http_types.h"

namespace bantam {

using EndpointHandler = void (*)(ApiContext& context, const HttpRequest& request, Responder& responder);

enum EndpointTraits : unsigned {
  kLight = 1,       // answered on the I/O thread: must not block
  kTensors = 2,     // may answer with bytes of tensors behind the JSON
  kStreams = 4,     // may answer in pieces: events, or lines of Ollama's
  kManagement = 8,  // changes what is served or stored: for an admin's key, or callers on this machine alone
  kOpen = 16,       // answered without a key, too
};

struct Endpoint {
  const char* method;
  // "/v1/models/{name}": what stands in braces stands for text of the request's path, which holds no '/'; a "{name}"
  // may, as names of models do.
  const char* path;
  EndpointHandler handler;
  const char* summary;
  ApiFamily family = ApiFamily::kOpenAi;  // what its errors look like
  // Names of schemas in openapi/schemas.json; a reply that is no JSON has its media type instead. "": no body.
  const char* request = "";
  const char* reply = "";
  unsigned traits = 0;
  // Whether a request is small enough to be handled on the I/O thread, with an answer at once, later, or by a worker
  // that the handler gives it to; null: none is.
  bool (*quick)(const HttpRequest& request) = nullptr;
  // Where a body goes that may be larger than memory should hold; null: into HttpRequest::body.
  Result<std::shared_ptr<BodySink>> (*upload)(ApiContext& context, const HttpRequest& request) = nullptr;

  bool Has(EndpointTraits trait) const { return (traits & trait) != 0; }
};

std::span<const Endpoint> Endpoints();

// The row for a method and a path; null where there is none, and then `other_method` says whether another method has
// one. HEAD is GET without the body. Every path works with "/v1" in front and without it; where both are rows, each is
// its own.
const Endpoint* FindEndpoint(std::string_view method, std::string_view path, bool* other_method);
// What stands in the place of the braces of the request's row, in order; it refers to the request's path.
std::vector<std::string_view> PathValues(const HttpRequest& request);
// Whose clients ask for a path, also where there is no such endpoint.
ApiFamily FamilyOf(std::string_view path);

void HandleChat(ApiContext&, const HttpRequest&, Responder&);
bool IsQuickChat(const HttpRequest&);
void HandleResponses(ApiContext&, const HttpRequest&, Responder&);
void HandleMessages(ApiContext&, const HttpRequest&, Responder&);
void HandleCountTokens(ApiContext&, const HttpRequest&, Responder&);
void HandleCompletions(ApiContext&, const HttpRequest&, Responder&);
void HandleInfill(ApiContext&, const HttpRequest&, Responder&);
void HandleEmbeddings(ApiContext&, const HttpRequest&, Responder&);
bool IsQuickEmbeddings(const HttpRequest&);
void HandleTeiEmbed(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiEmbedAll(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiEmbedSparse(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiInfo(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiPredict(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiSimilarity(ApiContext&, const HttpRequest&, Responder&);
void HandleTokenize(ApiContext&, const HttpRequest&, Responder&);
void HandleTeiDecode(ApiContext&, const HttpRequest&, Responder&);
void HandleCohereEmbed(ApiContext&, const HttpRequest&, Responder&);
void HandleClassify(ApiContext&, const HttpRequest&, Responder&);
void HandleInfinityClassify(ApiContext&, const HttpRequest&, Responder&);
void HandleRoute(ApiContext&, const HttpRequest&, Responder&);
void HandleFeedback(ApiContext&, const HttpRequest&, Responder&);
void HandleLateAnswer(ApiContext&, const HttpRequest&, Responder&);
void HandleScore(ApiContext&, const HttpRequest&, Responder&);
void HandleRerank(ApiContext&, const HttpRequest&, Responder&);
void HandleInfinityRerank(ApiContext&, const HttpRequest&, Responder&);
void HandleAnyRerank(ApiContext&, const HttpRequest&, Responder&);
void HandleDecisions(ApiContext&, const HttpRequest&, Responder&);
void HandleSystemOne(ApiContext&, const HttpRequest&, Responder&);
void HandleTag(ApiContext&, const HttpRequest&, Responder&);
void HandleQa(ApiContext&, const HttpRequest&, Responder&);
void HandleFillMask(ApiContext&, const HttpRequest&, Responder&);
void HandleModels(ApiContext&, const HttpRequest&, Responder&);
void HandleModel(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaGenerate(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaChat(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaEmbed(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaEmbeddings(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaTags(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaShow(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaPs(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaVersion(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaPull(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaCopy(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaDelete(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaCreate(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaPush(ApiContext&, const HttpRequest&, Responder&);
void HandleOllamaBlob(ApiContext&, const HttpRequest&, Responder&);
Result<std::shared_ptr<BodySink>> OpenOllamaBlob(ApiContext&, const HttpRequest&);
void HandlePooling(ApiContext&, const HttpRequest&, Responder&);
void HandleTensorServer(ApiContext&, const HttpRequest&, Responder&);
void HandleTensorLive(ApiContext&, const HttpRequest&, Responder&);
void HandleTensorServerReady(ApiContext&, const HttpRequest&, Responder&);
void HandleTensorModel(ApiContext&, const HttpRequest&, Responder&);
void HandleTensorReady(ApiContext&, const HttpRequest&, Responder&);
void HandleInfer(ApiContext&, const HttpRequest&, Responder&);
void HandleRepositoryIndex(ApiContext&, const HttpRequest&, Responder&);
void HandleRepositoryLoad(ApiContext&, const HttpRequest&, Responder&);
void HandleRepositoryUnload(ApiContext&, const HttpRequest&, Responder&);
void HandleReload(ApiContext&, const HttpRequest&, Responder&);
void HandleLearning(ApiContext&, const HttpRequest&, Responder&);
void HandleLearningCurve(ApiContext&, const HttpRequest&, Responder&);
void HandleLearningReview(ApiContext&, const HttpRequest&, Responder&);
void HandleLearningPropose(ApiContext&, const HttpRequest&, Responder&);
void HandleLearningPromote(ApiContext&, const HttpRequest&, Responder&);
void HandleLearningRollback(ApiContext&, const HttpRequest&, Responder&);
void HandleUsage(ApiContext&, const HttpRequest&, Responder&);
void HandleHealth(ApiContext&, const HttpRequest&, Responder&);
void HandleReady(ApiContext&, const HttpRequest&, Responder&);
void HandleMetrics(ApiContext&, const HttpRequest&, Responder&);
void HandleRoot(ApiContext&, const HttpRequest&, Responder&);
void HandleConsole(ApiContext&, const HttpRequest&, Responder&);
void HandleConsoleStats(ApiContext&, const HttpRequest&, Responder&);
void HandleConsoleExamples(ApiContext&, const HttpRequest&, Responder&);
void HandleRecentRequests(ApiContext&, const HttpRequest&, Responder&);
void HandleRouteFile(ApiContext&, const HttpRequest&, Responder&);
void HandleRouteFileTests(ApiContext&, const HttpRequest&, Responder&);
void HandleOpenApi(ApiContext&, const HttpRequest&, Responder&);

}  // namespace bantam
