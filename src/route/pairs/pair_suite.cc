#include "route/pairs/pair_suite.h"

#include "base/check.h"
#include "base/json.h"
#include "learn/json_lines.h"

// Defined by pair_files.S, which includes suite.jsonl and held_out.jsonl as they are.
extern "C" {
extern const char bantam_pair_suite[], bantam_pair_suite_end[];
extern const char bantam_pair_held_out[], bantam_pair_held_out_end[];
}

namespace bantam {
namespace {

Result<CachePair> ParsePair(const JsonObject& line) {
  CachePair pair;
  BANTAM_TRY(const json::array* texts, line.Array("pair"));
  if (texts->size() != 2 || !(*texts)[0].is_string() || !(*texts)[1].is_string())
    return Err(ErrorCode::kInvalidArgument, "{} must hold two questions: [\"...\", \"...\"]", line.Where("pair"));
  pair.cached = (*texts)[0].get_string();
  pair.asked = (*texts)[1].get_string();
  for (const std::string* text : {&pair.cached, &pair.asked}) {
    if (text->find_first_not_of(" \t\r\n") == text->npos)
      return Err(ErrorCode::kInvalidArgument, "{} holds an empty question; remove the line", line.Where("pair"));
  }
  BANTAM_TRY(const std::string expect, line.String("expect"));
  if (expect != "hit" && expect != "miss")
    return Err(ErrorCode::kInvalidArgument, "{} is \"{}\", expected \"hit\" or \"miss\"", line.Where("expect"), expect);
  pair.may_hit = expect == "hit";
  BANTAM_TRY(pair.kind, line.StringOr("class", pair.may_hit ? "paraphrase" : "other"));
  return pair;
}

std::vector<CachePair> ParseBuiltIn(std::string_view text, std::string_view name) {
  std::vector<CachePair> pairs;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto document = ParseJson(text.substr(0, end), name);
    const auto object = document ? JsonObject::From(*document, name) : Result<JsonObject>(document.error());
    auto pair = object ? ParsePair(*object) : Result<CachePair>(object.error());
    BANTAM_CHECK(pair.has_value(), "{}", pair.error().message);
    pairs.push_back(*std::move(pair));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pairs;
}

}  // namespace

Result<std::vector<CachePair>> ReadPairs(const Path& path) {
  std::vector<CachePair> pairs;
  const Status read = ReadJsonLines(path, [&](const JsonObject& line) -> Status {
    BANTAM_TRY(CachePair pair, ParsePair(line));
    pairs.push_back(std::move(pair));
    return Ok();
  });
  if (!read) {
    Error problem = read.error();
    if (problem.code == ErrorCode::kInvalidArgument)
      problem.code = ErrorCode::kCorrupt;  // the data's fault, not the caller's
    return problem;
  }
  if (pairs.empty()) return Err(ErrorCode::kCorrupt, "{} holds no pair", path.string());
  return pairs;
}

std::vector<CachePair> BuiltInPairs() {
  return ParseBuiltIn({bantam_pair_suite, bantam_pair_suite_end}, "suite.jsonl");
}
std::vector<CachePair> HeldOutPairs() {
  return ParseBuiltIn({bantam_pair_held_out, bantam_pair_held_out_end}, "held_out.jsonl");
}

Result<PairReport> JudgePairs(std::span<const CachePair> pairs, Embedder& embedder, const PairVerifier& verifier) {
  std::vector<std::string> texts;
  for (const CachePair& pair : pairs) {
    texts.push_back(pair.cached);
    texts.push_back(pair.asked);
  }
  BANTAM_TRY(const EmbeddingMatrix vectors, embedder.EmbedAll(texts, {}));
  PairReport report;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const CachePair& pair = pairs[i];
    PairVerdict& verdict = report.verdicts.emplace_back();
    verdict.pair = &pair;
    verdict.similarity = Cosine(vectors.row(2 * i), vectors.row(2 * i + 1));
    verdict.refusal = verifier.Verify(pair.cached, pair.asked, verdict.similarity);
    PairReport::Kind& kind = (pair.may_hit ? report.paraphrases : report.misses)[pair.kind];
    ++kind.pairs;
    kind.hits += !verdict.refusal;
    report.must_miss += !pair.may_hit;
    report.may_hit += pair.may_hit;
    report.wrong_hits += verdict.wrong();
    report.right_hits += pair.may_hit && !verdict.refusal;
  }
  return report;
}

}  // namespace bantam
