// bantam rerank: documents in order of relevance to a query, by a cross-encoder.
#include <CLI/CLI.hpp>

#include "api/task_json.h"
#include "base/text_util.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/task_lines.h"
#include "tasks/rerank.h"

namespace bantam::cli {
namespace {

struct Options {
  TaskOptions task;
  std::string query, function;
  size_t top_n = 0;
};

struct RankLine {
  std::string query;
  std::vector<std::string> documents;
};

// {"query": "...", "documents": ["...", {"text": "..."}]}
Result<RankLine> ReadRankLine(std::string_view line, const std::string& place) {
  BANTAM_TRY(const json::value document, ParseJson(line, place));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, place));
  RankLine out;
  BANTAM_TRY(out.query, object.String("query"));
  BANTAM_TRY(const json::array* documents, object.Array("documents"));
  for (size_t i = 0; i < documents->size(); ++i) {
    const json::value& item = (*documents)[i];
    const json::value* text = item.is_object() ? item.get_object().if_contains("text") : &item;
    if (text == nullptr || !text->is_string()) {
      return Err(ErrorCode::kCorrupt, "{}: \"documents[{}]\" is {}, expected a string or {{\"text\": \"...\"}}", place,
                 i, EscapeForTerminal(ToJson(item), 80));
    }
    out.documents.emplace_back(text->get_string());
  }
  return out;
}

Result<RankLine> ParseRankLine(std::string_view line, const std::string& place) {
  return AsData(ReadRankLine(line, place));
}

json::object ResultJson(const RankedDocument& document) {
  json::object out{{"index", document.index}, {"score", ShortDouble(document.score)}};
  if (document.truncated) out["truncated"] = true;
  return out;
}

Result<Ranking> Rank(const Reranker& reranker, const std::string& query, const std::vector<std::string>& documents,
                     const RankOptions& options) {
  const std::vector<std::string_view> texts(documents.begin(), documents.end());
  return reranker.Rank(query, texts, options);
}

// All lines are the documents of one query: one line out for each, best first.
Status RankLines(const Options& options, const Reranker& reranker, const RankOptions& rank) {
  std::vector<std::string> documents;
  std::vector<RankedDocument> scored;
  const auto score = [&](const std::vector<std::string>& lines, size_t, std::string&) -> Status {
    std::vector<TextInput> pairs;
    for (const std::string& line : lines) pairs.push_back({options.query, line});
    BANTAM_TRY(std::vector<RankedDocument> some, reranker.Score(pairs, rank));
    for (RankedDocument& document : some) {
      document.index += documents.size();
      scored.push_back(document);
    }
    documents.insert(documents.end(), lines.begin(), lines.end());
    return Ok();
  };
  BANTAM_RETURN_IF_ERROR(AnswerLines("rerank", options.task.file, score));
  std::string out;
  for (const RankedDocument& document : BestFirst(std::move(scored), rank.top_n)) {
    json::object line = ResultJson(document);
    line["document"] = documents[document.index];
    out += ToJson(line) + "\n";
  }
  return Print(out);
}

Status RunRerank(const Options& options) {
  RankOptions rank{.top_n = options.top_n};
  if (!options.function.empty()) {
    BANTAM_TRY(rank.function, ParseScoreFunction(options.function));
  }
  BANTAM_TRY(LoadedModel model, LoadTaskModel(options.task));
  BANTAM_TRY(const auto reranker, Reranker::Create(std::move(model)));
  if (!options.query.empty()) return RankLines(options, *reranker, rank);
  const bool from_stdin = options.task.file.empty() || options.task.file == "-";
  const std::string name = from_stdin ? "standard input" : EscapeForTerminal(options.task.file, 400);
  return AnswerLines("rerank", options.task.file,
                     [&](const std::vector<std::string>& lines, size_t first_number, std::string& out) -> Status {
                       for (size_t i = 0; i < lines.size(); ++i) {
                         BANTAM_TRY(const RankLine line,
                                    ParseRankLine(lines[i], fmt::format("{}:{}", name, first_number + i)));
                         BANTAM_TRY(const Ranking ranking, Rank(*reranker, line.query, line.documents, rank));
                         json::array results;
                         for (const RankedDocument& document : ranking.results) results.push_back(ResultJson(document));
                         out += ToJson(json::object{{"results", std::move(results)}}) + "\n";
                       }
                       return Ok();
                     });
}

}  // namespace

Run SetUpRerank(CLI::App& app) {
  auto options = std::make_shared<Options>();
  AddTaskOptions(app, options->task, "");
  app.add_option("--query,-q", options->query,
                 "The query: lines are then its documents. Without it each line is {\"query\": \"...\", \"documents\": "
                 "[\"...\"]}");
  app.add_option("--top-n,-n", options->top_n, "The best so many; 0 for all")->capture_default_str();
  app.add_option("--function", options->function,
                 "From the model's number to the score; by default as its config.json "
                 "says, and sigmoid where that says nothing")
      ->check(CLI::IsMember({"sigmoid", "none"}));
  app.footer(
      "With --query one JSON object out for each document, best first: {\"index\": 3, \"score\": 0.98, \"document\": "
      "\"...\"};\n"
      "without, one for each line in: {\"results\": [{\"index\": 3, \"score\": 0.98}, ...]}. \"truncated\": true where "
      "query and\n"
      "document together are longer than the model reads; the end of the longer one is then not read. Scores as\n"
      "sentence-transformers' CrossEncoder.\n\n"
      "Examples:\n"
      "  bantam rerank --model ./my-cross-encoder --query 'where is my parcel?' --top-n 3 passages.txt\n"
      "  bantam rerank --model ./my-cross-encoder candidates.jsonl > ranked.jsonl");
  return [options] { return RunRerank(*options); };
}

}  // namespace bantam::cli
