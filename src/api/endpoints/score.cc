// POST /v1/score, as vLLM's clients send and read it: how well two texts belong together, by a cross-encoder, or by the
// cosine of an encoder's embeddings.
#include <fmt/format.h>

#include <ctime>

#include "api/endpoints/endpoint.h"
#include "api/endpoints/parse.h"
#include "api/endpoints/vector_score.h"
#include "api/error_map.h"
#include "api/task_json.h"
#include "tasks/cosine.h"

namespace bantam {
namespace {

struct ScoreRequest {
  EmbedRequest embed;  // the model, and what is said of truncation
  std::vector<std::string> first, second;
  RankOptions options;

  size_t num_pairs() const { return second.size(); }
  const std::string& FirstOf(size_t pair) const { return first[first.size() == 1 ? 0 : pair]; }
};

struct Scores {
  std::vector<float> values;
  size_t num_tokens = 0, num_truncated = 0;
};

// The first of the names that is there.
Result<std::vector<std::string>> ReadSide(const JsonObject& body, std::initializer_list<const char*> names,
                                          std::string& at) {
  for (const char* name : names) {
    if (body.Has(name)) return ParseTexts(body, name, kMaxInputs, at);
  }
  at = *names.begin();
  return Err(ErrorCode::kInvalidArgument, "\"{}\" is missing: a text, or a list of them", at);
}

Result<ScoreRequest> Parse(const ApiContext& context, const HttpRequest& request, std::string& at) {
  json::value document;
  BANTAM_TRY(const JsonObject body, ParseBody(request, document));
  ScoreRequest parsed{.embed = EmbedRequest(request), .first = {}, .second = {}, .options = {}};
  const auto can = [](const ServedModel& model) { return model.reranker != nullptr || model.embedder != nullptr; };
  BANTAM_TRY(parsed.embed.model, FindAble(context, body, "score", can, at));
  BANTAM_TRY(parsed.first, ReadSide(body, {"queries", "text_1", "data_1"}, at));
  const std::string first_name = at.substr(0, at.find('['));
  BANTAM_TRY(parsed.second, ReadSide(body, {"documents", "text_2", "data_2"}, at));
  if (parsed.first.size() != 1 && parsed.first.size() != parsed.second.size()) {
    at = first_name;
    return Err(ErrorCode::kInvalidArgument,
               "\"{}\" has {} texts, expected 1, or one for each of the {} that they are compared with", first_name,
               parsed.first.size(), parsed.second.size());
  }
  BANTAM_RETURN_IF_ERROR(ReadTruncate(body, parsed.embed.truncate, at));
  BANTAM_TRY(parsed.embed.deadline, DeadlineOf(context, request, at));
  parsed.options.deadline = parsed.embed.deadline;
  parsed.options.times = &parsed.embed.work->engine;
  if (parsed.embed.model->reranker == nullptr) {
    at = "model";
    BANTAM_RETURN_IF_ERROR(RefuseTokenVectors(parsed.embed));
  }
  at.clear();
  return parsed;
}

Result<Scores> ScoreByReranker(const ScoreRequest& request) {
  std::vector<TextInput> pairs;
  for (size_t i = 0; i < request.num_pairs(); ++i) pairs.push_back({request.FirstOf(i), request.second[i]});
  const ServedModel& model = *request.embed.model;
  BANTAM_TRY(const std::vector<RankedDocument> ranked, model.reranker->Score(pairs, request.options));
  Scores scores;
  for (size_t i = 0; i < ranked.size(); ++i) {
    if (ranked[i].truncated && !request.embed.truncate) {
      return Err(ErrorCode::kInvalidArgument,
                 "pair {} is longer than the {} tokens that {} reads, and \"truncate\" is false", i,
                 model.reranker->model().max_tokens, model.name);
    }
    scores.values.push_back(ranked[i].score);
    scores.num_tokens += ranked[i].num_tokens;
    scores.num_truncated += ranked[i].truncated;
  }
  return scores;
}

Result<Scores> ScoreByEmbedder(const ScoreRequest& request) {
  std::vector<std::string> texts = request.first;
  texts.insert(texts.end(), request.second.begin(), request.second.end());
  BANTAM_TRY(const EmbeddedTexts embedded, request.embed.model->embedder->EmbedTexts(texts, request.embed.call()));
  Scores scores;
  for (const auto& text : embedded.texts) {
    scores.num_tokens += text.num_tokens;
    scores.num_truncated += text.truncated;
  }
  const size_t num_first = request.first.size();
  for (size_t i = 0; i < request.num_pairs(); ++i) {
    scores.values.push_back(
        CosineSimilarity(embedded.vectors.row(num_first == 1 ? 0 : i), embedded.vectors.row(num_first + i)));
  }
  return scores;
}

}  // namespace

void HandleScore(ApiContext& context, const HttpRequest& request, Responder& responder) {
  std::string at;
  const auto parsed = Parse(context, request, at);
  if (!parsed) return responder.Send(OpenAiError(parsed.error(), at));
  const bool ranks = parsed->embed.model->reranker != nullptr;
  const auto scores = ranks ? ScoreByReranker(*parsed) : ScoreByEmbedder(*parsed);
  if (!scores) return responder.Send(OpenAiError(scores.error()));
  json::array data;
  for (size_t i = 0; i < scores->values.size(); ++i) {
    data.push_back(json::object{{"index", i}, {"object", "score"}, {"score", ShortDouble(scores->values[i])}});
  }
  HttpReply reply;
  reply.body =
      ToJson(json::object{{"id", "score-" + request.request_id},
                          {"object", "list"},
                          {"created", std::time(nullptr)},
                          {"model", parsed->embed.model->name},
                          {"data", std::move(data)},
                          {"usage", {{"prompt_tokens", scores->num_tokens}, {"total_tokens", scores->num_tokens}}}});
  parsed->embed.work->Tell(*parsed->embed.model, scores->num_tokens);
  if (!ranks) TellEmbeddingCache(parsed->embed);
  TellTruncated(scores->num_truncated, reply);
  responder.Send(std::move(reply));
}

}  // namespace bantam
