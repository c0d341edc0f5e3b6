// POST /v1/rerank, as Jina, Cohere, vLLM and their clients send and read it: the documents in order of relevance; and
// POST /rerank, where they may also be "texts", as Text Embeddings Inference has it.
#include <algorithm>
#include <ctime>

#include "api/endpoints/embed_request.h"
#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/tei_request.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "api/work_done.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMaxDocuments = 2048;

struct RerankRequest {
  ServedModelPtr model;
  std::string query;
  std::vector<std::string> documents;
  RankOptions options;
  bool return_documents = false;
  bool truncate = true;
  std::string version;  // of Cohere's API
};

// "documents" or "texts": strings, or objects with a "text".
Result<std::vector<std::string>> ParseDocuments(const JsonObject& body, const char* key, std::string& at) {
  at = key;
  BANTAM_TRY(const json::array* items, body.Array(key));
  if (items->empty()) return Err(ErrorCode::kInvalidArgument, "\"{}\" is an empty array", key);
  if (items->size() > kMaxDocuments) {
    return Err(ErrorCode::kInvalidArgument, "\"{}\" has {} texts, the limit is {}", key, items->size(), kMaxDocuments);
  }
  std::vector<std::string> documents;
  for (size_t i = 0; i < items->size(); ++i) {
    const json::value& item = (*items)[i];
    const json::value* text = item.is_object() ? item.get_object().if_contains("text") : &item;
    if (text == nullptr || !text->is_string()) {
      at = fmt::format("{}[{}]", key, i);
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a string or {{\"text\": \"...\"}}", at,
                 EscapeForTerminal(ToJson(item), 80));
    }
    documents.emplace_back(text->get_string());
  }
  return documents;
}

// tei: with the names of Text Embeddings Inference.
Result<RerankRequest> Parse(const ApiContext& context, const HttpRequest& request, const JsonObject& body, bool tei,
                            std::string& at) {
  RerankRequest parsed;
  BANTAM_TRY(parsed.model,
             FindAble(context, body, "rerank", [](const ServedModel& model) { return model.reranker != nullptr; }, at));
  at = "query";
  BANTAM_TRY(parsed.query, body.String("query"));
  BANTAM_TRY(parsed.documents, ParseDocuments(body, tei ? "texts" : "documents", at));
  at = "top_n";
  BANTAM_TRY(const int64_t top_n, body.IntOr("top_n", static_cast<int64_t>(parsed.documents.size()), 1, INT64_MAX));
  parsed.options.top_n = static_cast<size_t>(top_n);
  const char* with_texts = tei ? "return_text" : "return_documents";
  at = with_texts;
  BANTAM_TRY(parsed.return_documents, body.BoolOr(with_texts, false));
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, parsed.truncate, at));
  at = "raw_scores";
  BANTAM_TRY(const bool raw, body.BoolOr("raw_scores", false));
  if (raw) parsed.options.function = ScoreFunction::kNone;
  parsed.version = request.path.starts_with("/v2/") ? "2" : "1";
  BANTAM_TRY(parsed.options.deadline, DeadlineOf(context, request, at));
  return parsed;
}

HttpReply Format(const RerankRequest& request, const Ranking& ranking, const std::string& id) {
  json::array results;
  for (const RankedDocument& document : ranking.results) {
    json::object result{{"index", document.index}, {"relevance_score", ShortDouble(document.score)}};
    if (request.return_documents) result["document"] = json::object{{"text", request.documents[document.index]}};
    results.push_back(std::move(result));
  }
  json::object body{
      {"id", "rerank-" + id},
      {"object", "list"},
      {"model", request.model->name},
      {"results", std::move(results)},
      {"meta", {{"api_version", {{"version", request.version}}}, {"billed_units", {{"search_units", 1}}}}},
      {"usage", {{"prompt_tokens", ranking.num_tokens}, {"total_tokens", ranking.num_tokens}}}};
  HttpReply reply;
  if (!ranking.truncated.empty()) {
    json::array truncated(ranking.truncated.begin(), ranking.truncated.end());
    body["bantam"] =
        json::object{{"truncated", std::move(truncated)}, {"max_tokens", request.model->reranker->model().max_tokens}};
  }
  reply.body = ToJson(body);
  return reply;
}

// A bare list, as Text Embeddings Inference answers.
HttpReply FormatTei(const RerankRequest& request, const Ranking& ranking, const std::string&) {
  json::array results;
  for (const RankedDocument& document : ranking.results) {
    json::object result{{"index", document.index}, {"score", ShortDouble(document.score)}};
    if (request.return_documents) result["text"] = request.documents[document.index];
    results.push_back(std::move(result));
  }
  HttpReply reply;
  reply.body = ToJson(results);
  return reply;
}

// With documents that are strings, as Infinity answers.
HttpReply FormatInfinity(const RerankRequest& request, const Ranking& ranking, const std::string& id) {
  json::array results;
  for (const RankedDocument& document : ranking.results) {
    json::object result{{"relevance_score", ShortDouble(document.score)}, {"index", document.index}};
    if (request.return_documents) result["document"] = request.documents[document.index];
    results.push_back(std::move(result));
  }
  HttpReply reply;
  reply.body =
      ToJson(json::object{{"object", "rerank"},
                          {"results", std::move(results)},
                          {"model", request.model->name},
                          {"usage", {{"prompt_tokens", ranking.num_tokens}, {"total_tokens", ranking.num_tokens}}},
                          {"id", "infinity-" + id},
                          {"created", std::time(nullptr)}});
  return reply;
}

Result<Ranking> Rank(const RerankRequest& request) {
  const std::vector<std::string_view> documents(request.documents.begin(), request.documents.end());
  BANTAM_TRY(Ranking ranking, request.model->reranker->Rank(request.query, documents, request.options));
  if (!request.truncate && !ranking.truncated.empty()) {
    return Err(ErrorCode::kInvalidArgument,
               "document {} is longer than the {} tokens that {} reads with the query, and \"truncate\" is false",
               ranking.truncated.front(), request.model->reranker->model().max_tokens, request.model->name);
  }
  return ranking;
}

// What the replies of a dialect look like.
struct Dialect {
  ApiFamily family;
  HttpReply (*format)(const RerankRequest& request, const Ranking& ranking, const std::string& id);
  bool tei = false;
};
constexpr Dialect kJina{ApiFamily::kOpenAi, Format}, kCohere{ApiFamily::kCohere, Format},
    kInfinity{ApiFamily::kOpenAi, FormatInfinity}, kTei{ApiFamily::kTei, FormatTei, true};

void Answer(const ApiContext& context, const HttpRequest& request, const Result<JsonObject>& body,
            const Dialect& dialect, Responder& responder) {
  std::string at;
  const auto refuse = [&](const Error& error) {
    return dialect.tei ? TeiRefusal(error, request) : ErrorReply(dialect.family, error, at);
  };
  if (!body) return responder.Send(refuse(body.error()));
  auto parsed = Parse(context, request, *body, dialect.tei, at);
  if (!parsed) return responder.Send(refuse(parsed.error()));
  WorkDone work(request);
  parsed->options.times = &work.engine;
  const auto ranking = Rank(*parsed);
  if (!ranking) return responder.Send(ErrorReply(dialect.family, ranking.error()));
  HttpReply reply = dialect.format(*parsed, *ranking, request.request_id);
  work.Tell(*parsed->model, ranking->num_tokens);
  TellTruncated(ranking->truncated.size(), reply);
  responder.Send(std::move(reply));
}

}  // namespace

void HandleRerank(ApiContext& context, const HttpRequest& request, Responder& responder) {
  json::value document;
  Answer(context, request, ParseBody(request, document), request.path.starts_with("/v2/") ? kCohere : kJina, responder);
}

void HandleInfinityRerank(ApiContext& context, const HttpRequest& request, Responder& responder) {
  json::value document;
  Answer(context, request, ParseBody(request, document), kInfinity, responder);
}

// Whose client it is, the documents say: "texts" are Text Embeddings Inference's. Of others the clients are Jina's and
// more, who know OpenAI's errors.
void HandleAnyRerank(ApiContext& context, const HttpRequest& request, Responder& responder) {
  json::value document;
  const Result<JsonObject> body = ParseBody(request, document);
  const bool tei = body && body->Has("texts") && !body->Has("documents");
  Answer(context, request, body, tei ? kTei : kJina, responder);
}

}  // namespace bantam
