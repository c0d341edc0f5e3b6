// POST /v1/rerank, as Jina, Cohere, vLLM and their clients send and read it: the documents in order of relevance.
#include <algorithm>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/error_map.h"
#include "api/task_json.h"
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
  std::string version;  // of Cohere's API
};

// "documents": strings, or objects with a "text".
Result<std::vector<std::string>> ParseDocuments(const JsonObject& body, std::string& at) {
  at = "documents";
  BANTAM_TRY(const json::array* items, body.Array("documents"));
  if (items->empty()) return Err(ErrorCode::kInvalidArgument, "\"documents\" is an empty array");
  if (items->size() > kMaxDocuments) {
    return Err(ErrorCode::kInvalidArgument, "\"documents\" has {} texts, the limit is {}", items->size(),
               kMaxDocuments);
  }
  std::vector<std::string> documents;
  for (size_t i = 0; i < items->size(); ++i) {
    const json::value& item = (*items)[i];
    const json::value* text = item.is_object() ? item.get_object().if_contains("text") : &item;
    if (text == nullptr || !text->is_string()) {
      at = fmt::format("documents[{}]", i);
      return Err(ErrorCode::kInvalidArgument, "\"{}\" is {}, expected a string or {{\"text\": \"...\"}}", at,
                 EscapeForTerminal(ToJson(item), 80));
    }
    documents.emplace_back(text->get_string());
  }
  return documents;
}

Result<RerankRequest> Parse(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  RerankRequest parsed;
  BANTAM_TRY(parsed.model,
             FindAble(context, body, "rerank", [](const ServedModel& model) { return model.reranker != nullptr; }, at));
  at = "query";
  BANTAM_TRY(parsed.query, body.String("query"));
  BANTAM_TRY(parsed.documents, ParseDocuments(body, at));
  at = "top_n";
  BANTAM_TRY(const int64_t top_n, body.IntOr("top_n", static_cast<int64_t>(parsed.documents.size()), 1, INT64_MAX));
  parsed.options.top_n = static_cast<size_t>(top_n);
  at = "return_documents";
  BANTAM_TRY(parsed.return_documents, body.BoolOr("return_documents", false));
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
    reply.headers.emplace_back("X-Bantam-Truncated", std::to_string(ranking.truncated.size()));
    json::array truncated(ranking.truncated.begin(), ranking.truncated.end());
    body["bantam"] =
        json::object{{"truncated", std::move(truncated)}, {"max_tokens", request.model->reranker->model().max_tokens}};
  }
  reply.body = ToJson(body);
  return reply;
}

}  // namespace

void HandleRerank(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  const auto parsed = Parse(context, request, at);
  if (!parsed) return responder.Send(OpenAiError(parsed.error(), at));
  const std::vector<std::string_view> documents(parsed->documents.begin(), parsed->documents.end());
  const auto ranking = parsed->model->reranker->Rank(parsed->query, documents, parsed->options);
  responder.Send(ranking ? Format(*parsed, *ranking, request.request_id) : OpenAiError(ranking.error()));
}

}  // namespace bantam
