// The one list of endpoints.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "api/endpoints/endpoint.h"

namespace bantam {

std::span<const Endpoint> Endpoints() {
  using enum ApiFamily;
  static constexpr const char* kText = "text/plain";
  static constexpr Endpoint kEndpoints[] = {
      {"POST", "/v1/chat/completions", HandleChat, "OpenAI chat completions: talk to the assistant, or to a model",
       kOpenAi, "ChatRequest", "ChatReply", kStreams, IsQuickChat},
      {"POST", "/v1/responses", HandleResponses,
       "OpenAI responses: the same as items; nothing is stored, each request brings its conversation", kOpenAi,
       "ResponsesRequest", "ResponsesReply", kStreams, IsQuickChat},
      {"POST", "/v1/messages", HandleMessages, "The same as Anthropic's messages", kAnthropic, "MessagesRequest",
       "MessagesReply", kStreams, IsQuickChat},
      {"POST", "/v1/messages/count_tokens", HandleCountTokens,
       "How many tokens a model reads of messages, as Anthropic; the assistant reads the last question", kAnthropic,
       "MessagesCountRequest", "MessagesCount"},
      {"POST", "/v1/completions", HandleCompletions, "OpenAI completions: a model goes on with a prompt", kOpenAi,
       "CompletionRequest", "CompletionReply", kStreams},
      {"POST", "/infill", HandleInfill, "llama.cpp's infill: what stands between a beginning and an end", kOpenAi,
       "InfillRequest", "InfillReply", kStreams},
      {"POST", "/v1/embeddings", HandleEmbeddings, "OpenAI embeddings", kOpenAi, "EmbeddingsRequest", "EmbeddingsReply",
       0, IsQuickEmbeddings},
      {"POST", "/embed", HandleTeiEmbed, "Sentence embeddings, as Text Embeddings Inference", kTei, "TeiEmbedRequest",
       "Vectors"},
      {"POST", "/embed_all", HandleTeiEmbedAll, "A vector for each token, as Text Embeddings Inference", kTei,
       "TeiEmbedRequest", "TokenVectors"},
      {"POST", "/embed_sparse", HandleTeiEmbedSparse, "Weights of words (SPLADE), as Text Embeddings Inference", kTei,
       "TeiSparseRequest", "SparseVectors"},
      {"POST", "/predict", HandleTeiPredict, "A classifier's labels, as Text Embeddings Inference", kTei,
       "TeiPredictRequest", "TeiPredictReply"},
      {"POST", "/similarity", HandleTeiSimilarity, "Sentences compared with one, as Text Embeddings Inference", kTei,
       "TeiSimilarityRequest", "Numbers"},
      {"POST", "/tokenize", HandleTokenize, "Tokens of texts, as Text Embeddings Inference", kTei, "TeiTokenizeRequest",
       "TeiTokens"},
      {"POST", "/decode", HandleTeiDecode, "Texts of token ids, as Text Embeddings Inference", kTei, "TeiDecodeRequest",
       "Texts"},
      {"GET", "/info", HandleTeiInfo, "The first model, as Text Embeddings Inference", kTei, "", "TeiInfo"},
      {"POST", "/v2/embed", HandleCohereEmbed, "Sentence embeddings, as Cohere", kCohere, "CohereEmbedRequest",
       "CohereEmbedReply"},
      {"POST", "/v1/embed", HandleCohereEmbed, "Sentence embeddings, as Cohere before version 2", kCohere,
       "CohereEmbedRequest", "CohereEmbedReply"},
      {"POST", "/v1/classify", HandleClassify,
       "Intents of texts, with calibrated confidence; or a classifier's labels, as vLLM", kOpenAi, "ClassifyRequest",
       "ClassifyReply"},
      {"POST", "/v1/route", HandleRoute,
       "What the assistant would decide, and why: answer, clarify or escalate; nothing is done", kOpenAi,
       "RouteRequest", "RouteReply"},
      {"POST", "/v1/feedback", HandleFeedback,
       "Whether an answer of the assistant was right, and which route would have been", kOpenAi, "FeedbackRequest",
       "FeedbackReply"},
      {"GET", "/v1/answers/{id}", HandleLateAnswer, "What became of a question that waited for its large model",
       kOpenAi, "", "LateAnswer"},
      {"POST", "/infinity/classify", HandleInfinityClassify, "A classifier's labels, as Infinity", kOpenAi,
       "InfinityClassifyRequest", "InfinityClassifyReply"},
      {"POST", "/infinity/rerank", HandleInfinityRerank, "Documents in order of relevance, as Infinity", kOpenAi,
       "RerankRequest", "InfinityRerankReply"},
      {"POST", "/v1/score", HandleScore, "How well pairs of texts belong together, as vLLM", kOpenAi, "ScoreRequest",
       "ScoreReply"},
      {"POST", "/rerank", HandleAnyRerank,
       "Documents in order of relevance, as Text Embeddings Inference where they are \"texts\", else as Jina and "
       "Cohere",
       kTei, "AnyRerankRequest", "AnyRerankReply"},
      {"POST", "/pooling", HandlePooling, "Vectors of texts or of their tokens, or a classifier's scores, as vLLM",
       kOpenAi, "PoolingRequest", "PoolingReply"},
      {"POST", "/v1/rerank", HandleRerank, "Documents in order of relevance, as Jina and Cohere", kOpenAi,
       "RerankRequest", "RerankReply"},
      {"POST", "/v2/rerank", HandleRerank, "The same, as Cohere's version 2", kCohere, "RerankRequest", "RerankReply"},
      {"POST", "/v1/decisions", HandleDecisions, "Predicates, choices and scores with probabilities, as OpenAI",
       kOpenAi, "DecisionsRequest", "DecisionsReply"},
      {"POST", "/v1/systemone", HandleSystemOne, "Typed questions about a state, as TypeSafe's decision models",
       kTypeSafe, "SystemOneRequest", "SystemOneReply"},
      {"POST", "/v1/tag", HandleTag, "Labelled spans of texts: names, slots, parts of speech", kOpenAi, "TagRequest",
       "TagReply"},
      {"POST", "/v1/qa", HandleQa, "Answers that stand in a text", kOpenAi, "QaRequest", "QaReply"},
      {"POST", "/v1/fill-mask", HandleFillMask, "The likeliest words in the place of a mask", kOpenAi,
       "FillMaskRequest", "FillMaskReply"},
      {"GET", "/v1/models", HandleModels, "The served models", kOpenAi, "", "ModelList"},
      {"GET", "/v1/models/{name}", HandleModel, "One served model", kOpenAi, "", "Model"},
      {"POST", "/api/generate", HandleOllamaGenerate, "A model answers a prompt, as Ollama", kOllama,
       "OllamaGenerateRequest", "OllamaGenerateReply", kStreams},
      {"POST", "/api/chat", HandleOllamaChat, "A model answers messages, as Ollama", kOllama, "OllamaChatRequest",
       "OllamaChatReply", kStreams},
      {"POST", "/api/embed", HandleOllamaEmbed, "Sentence embeddings, as Ollama", kOllama, "OllamaEmbedRequest",
       "OllamaEmbedReply"},
      {"POST", "/api/embeddings", HandleOllamaEmbeddings, "One sentence embedding, as Ollama before /api/embed",
       kOllama, "OllamaEmbeddingsRequest", "OllamaEmbeddingsReply"},
      {"GET", "/api/tags", HandleOllamaTags, "The served models, as Ollama", kOllama, "", "OllamaTags"},
      {"POST", "/api/show", HandleOllamaShow, "What a model is and can, as Ollama", kOllama, "OllamaName",
       "OllamaShow"},
      {"GET", "/api/ps", HandleOllamaPs, "What is loaded, as Ollama", kOllama, "", "OllamaPs"},
      {"GET", "/api/version", HandleOllamaVersion, "This program's version, as Ollama", kOllama, "", "OllamaVersion",
       kLight},
      {"POST", "/api/pull", HandleOllamaPull, "A model comes into the store, as Ollama", kOllama, "OllamaPullRequest",
       "OllamaStatus", kStreams | kManagement},
      {"POST", "/api/copy", HandleOllamaCopy, "Another name for a model, as Ollama", kOllama, "OllamaCopyRequest", "",
       kManagement},
      {"DELETE", "/api/delete", HandleOllamaDelete, "A model leaves the store, as Ollama", kOllama, "OllamaName", "",
       kManagement},
      {"POST", "/api/create", HandleOllamaCreate, "A model made of files that came to /api/blobs, or a copy, as Ollama",
       kOllama, "OllamaCreateRequest", "OllamaStatus", kStreams | kManagement},
      {"POST", "/api/push", HandleOllamaPush, "Refused: nothing is sent to a registry from here", kOllama, "OllamaName",
       "OllamaStatus", kManagement},
      {"GET", "/api/blobs/{digest}", HandleOllamaBlob, "Whether a file waits to be made a model of, as Ollama", kOllama,
       "", "", kManagement},
      {"POST", "/api/blobs/{digest}", HandleOllamaBlob, "A file of a model comes, by its digest, as Ollama", kOllama,
       "", "", kManagement, nullptr, OpenOllamaBlob},
      {"GET", "/v2", HandleTensorServer, "The server and its extensions, as the Open Inference Protocol",
       kOpenInference, "", "TensorServer", kLight},
      {"GET", "/v2/health/live", HandleTensorLive, "As /healthz, for its clients", kOpenInference, "", "TensorLive",
       kLight | kOpen},
      {"GET", "/v2/health/ready", HandleTensorServerReady, "As /readyz, for its clients", kOpenInference, "",
       "TensorServerReady", kLight | kOpen},
      {"GET", "/v2/models/{name}/versions/{version}/ready", HandleTensorReady, "Of a version", kOpenInference, "",
       "TensorModelReady"},
      {"GET", "/v2/models/{name}/ready", HandleTensorReady, "Whether a model is in memory", kOpenInference, "",
       "TensorModelReady"},
      {"GET", "/v2/models/{name}/versions/{version}", HandleTensorModel, "Of a version", kOpenInference, "",
       "TensorModel"},
      {"GET", "/v2/models/{name}", HandleTensorModel, "The tensors that a model takes and gives", kOpenInference, "",
       "TensorModel"},
      {"POST", "/v2/models/{name}/versions/{version}/infer", HandleInfer, "Of a version", kOpenInference,
       "InferRequest", "InferReply", kTensors},
      {"POST", "/v2/models/{name}/infer", HandleInfer, "Tensors of texts through a model", kOpenInference,
       "InferRequest", "InferReply", kTensors},
      {"POST", "/v2/repository/index", HandleRepositoryIndex, "The models in memory and in the store, as Triton",
       kOpenInference, "RepositoryIndexRequest", "RepositoryIndex"},
      {"POST", "/v2/repository/models/{name}/load", HandleRepositoryLoad, "A model comes into memory, as Triton",
       kOpenInference, "RepositoryRequest", "Empty", kManagement},
      {"POST", "/v2/repository/models/{name}/unload", HandleRepositoryUnload, "A model leaves memory, as Triton",
       kOpenInference, "RepositoryRequest", "Empty", kManagement},
      {"POST", "/v1/reload", HandleReload,
       "Route file, models and keys are read again and take the place of those served, once they pass their tests",
       kOpenAi, "", "ReloadReply", kManagement},
      {"GET", "/v1/usage", HandleUsage,
       "How much the assistant was asked, who answered, and what it cost, by minute, hour and day; budgets", kOpenAi,
       "", "AssistantUsage"},
      {"GET", "/v1/learning", HandleLearning,
       "What is learned from traffic: candidates, audited messages, the head in force and the challenger", kOpenAi, "",
       "Learning", kManagement},
      {"GET", "/v1/learning/curve", HandleLearningCurve,
       "Accuracy against the cost of large models over the thresholds that could be in force, by the latest of the "
       "audit log",
       kOpenAi, "", "LearningCurve", kManagement},
      {"POST", "/v1/learning/review", HandleLearningReview, "Candidates are accepted, rejected or relabelled", kOpenAi,
       "LearningReviewRequest", "LearningReview", kManagement},
      {"POST", "/v1/learning/propose", HandleLearningPropose, "A challenger is trained and judged on audited messages",
       kOpenAi, "", "LearningProposal", kManagement},
      {"POST", "/v1/learning/promote", HandleLearningPromote, "The challenger takes the place of the head in force",
       kOpenAi, "", "LearningGeneration", kManagement},
      {"POST", "/v1/learning/rollback", HandleLearningRollback,
       "The head that was in force before takes its place again", kOpenAi, "LearningRollbackRequest",
       "LearningGeneration", kManagement},
      {"GET", "/healthz", HandleHealth,
       "200 while the process lives and its engines work; 503 with the models whose engine is stalled", kOpenAi, "",
       "Health", kLight | kOpen},
      {"GET", "/health", HandleHealth, "The same, as Text Embeddings Inference and vLLM", kTei, "", "Health",
       kLight | kOpen},
      {"GET", "/readyz", HandleReady, "200 while requests are taken, 503 while draining", kOpenAi, "", "Health",
       kLight | kOpen},
      {"GET", "/metrics", HandleMetrics, "Prometheus metrics", kOpenAi, "", kText, kLight},
      {"GET", "/openapi.json", HandleOpenApi, "This list, as an OpenAPI document", kOpenAi, "", "OpenApi", kLight},
      {"GET", "/v1/console/stats", HandleConsoleStats, "Live counters of the console", kOpenAi, "", "ConsoleStats",
       kLight},
      {"GET", "/v1/console/examples", HandleConsoleExamples, "Questions to try", kOpenAi, "", "ConsoleExamples",
       kLight},
      {"GET", "/", HandleRoot, "The console for a browser; else a word for Ollama's clients, who look whether it runs",
       kOpenAi, "", kText, kLight},
      {"GET", "/v1/console/requests/{after}", HandleRecentRequests,
       "Requests that were answered after the one of that number, and where their time went", kOpenAi, "",
       "RecentRequests", kLight | kManagement},
      {"GET", "/v1/console/route-file", HandleRouteFile, "The route file in force", kOpenAi, "", "RouteFile",
       kManagement},
      {"POST", "/v1/console/route-file/tests", HandleRouteFileTests, "Its tests are run beside what is served", kOpenAi,
       "", "RouteTests", kManagement},
      {"GET", "/web/{file}", HandleConsole, "The console's scripts and styles", kOpenAi, "", "*/*", kLight},
  };
  return kEndpoints;
}

namespace {

// Whether the path is one of the pattern's; values: null, or gets what stands in the place of its braces.
bool Matches(std::string_view pattern, std::string_view path, std::vector<std::string_view>* values = nullptr) {
  const size_t open = pattern.find('{');
  if (open == std::string_view::npos) return path == pattern;
  if (!path.starts_with(pattern.substr(0, open))) return false;
  path.remove_prefix(open);
  const size_t close = pattern.find('}');
  const std::string_view rest = pattern.substr(close + 1);
  // As much as fits: "a/versions/1" may be a name. Only that is searched for, so that a long path costs one pass.
  const bool may_hold_slashes = pattern.substr(open, close + 1 - open) == "{name}";
  const size_t longest = may_hold_slashes ? path.size() : std::min(path.find('/'), path.size());
  const size_t shortest = may_hold_slashes ? 1 : std::max<size_t>(longest, 1);
  for (size_t length = longest; length >= shortest; --length) {
    if (!Matches(rest, path.substr(length), values)) continue;
    if (values != nullptr) values->insert(values->begin(), path.substr(0, length));
    return true;
  }
  return false;
}

// A request is looked up several times on its way: nearly all of them by one look into a map.
struct Rows {
  std::unordered_map<std::string_view, std::vector<const Endpoint*>> by_path;
  std::vector<const Endpoint*> with_values;
  Rows() {
    for (const Endpoint& endpoint : Endpoints()) {
      const std::string_view path = endpoint.path;
      (path.find('{') == std::string_view::npos ? by_path[path] : with_values).push_back(&endpoint);
    }
  }
};

const Endpoint* FindExactly(std::string_view method, std::string_view path, bool* other_method) {
  static const Rows rows;
  if (const auto found = rows.by_path.find(path); found != rows.by_path.end()) {
    for (const Endpoint* endpoint : found->second) {
      if (method == endpoint->method) return endpoint;
    }
    *other_method = true;
  }
  for (const Endpoint* endpoint : rows.with_values) {
    if (!Matches(endpoint->path, path)) continue;
    if (method == endpoint->method) return endpoint;
    *other_method = true;
  }
  return nullptr;
}

}  // namespace

const Endpoint* FindEndpoint(std::string_view method, std::string_view path, bool* other_method) {
  if (method == "HEAD") method = "GET";
  if (const Endpoint* found = FindExactly(method, path, other_method)) return found;
  constexpr std::string_view kBase = "/v1";
  if (!path.starts_with("/v1/")) return FindExactly(method, fmt::format("{}{}", kBase, path), other_method);
  path.remove_prefix(kBase.size());
  return path.size() > 1 && !path.starts_with("/v1/") ? FindExactly(method, path, other_method) : nullptr;
}

ApiFamily FamilyOf(std::string_view path) {
  // Any method: the first row of the path.
  bool other_method = false;
  for (const char* method : {"POST", "GET", "DELETE"}) {
    if (const Endpoint* found = FindEndpoint(method, path, &other_method)) return found->family;
  }
  if (path.starts_with("/v2/")) return ApiFamily::kOpenInference;
  if (path.starts_with("/v1/messages/")) return ApiFamily::kAnthropic;
  return path.starts_with("/api/") ? ApiFamily::kOllama : ApiFamily::kOpenAi;
}

std::vector<std::string_view> PathValues(const HttpRequest& request) {
  bool other_method = false;
  const Endpoint* endpoint = FindEndpoint(request.method, request.path, &other_method);
  std::vector<std::string_view> values;
  if (endpoint == nullptr) return values;
  // The row's path may have "/v1" in front where the request's has none, and the other way round.
  std::string_view pattern = endpoint->path, path = request.path;
  constexpr std::string_view kBase = "/v1/";
  if (pattern.starts_with(kBase) != path.starts_with(kBase)) {
    (pattern.starts_with(kBase) ? pattern : path).remove_prefix(kBase.size() - 1);
  }
  Matches(pattern, path, &values);
  return values;
}

}  // namespace bantam
