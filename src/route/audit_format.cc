#include "route/audit_format.h"

#include <fmt/compile.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <iterator>
#include <limits>

#include "base/sha256.h"
#include "base/text_util.h"
#include "route/budget_report.h"
#include "route/json_texts.h"

namespace bantam {
namespace {

// Each byte may become six (\u001f), and 4/3 of it when encrypted; all of them together stay below kMaxAuditLineBytes.
constexpr size_t kMaxTextBytes = size_t{64} << 10;
constexpr size_t kMaxExampleBytes = 2'000;
constexpr size_t kMaxWordBytes = 512;
constexpr size_t kMaxNearest = 3;
constexpr size_t kMaxSet = 16;  // routes of a prediction set

constexpr std::string_view kHashKey = ",\"hash\":\"";
constexpr std::string_view kTextsKey = ",\"texts\":";
constexpr std::string_view kPurgedKey = ",\"purged\":";
constexpr size_t kHashDigits = 64;

void AppendQuoted(std::string_view text, size_t max_bytes, std::string& line) {
  if (text.size() <= max_bytes && !FirstInvalidUtf8(text)) return AppendQuotedJson(text, line);
  std::string whole = ReplaceInvalidUtf8(text);
  if (whole.size() > max_bytes) {
    size_t end = max_bytes;
    while (end > 0 && (static_cast<unsigned char>(whole[end]) & 0xC0) == 0x80) --end;  // not inside a character
    whole.resize(end);
    whole += "…";
  }
  AppendQuotedJson(whole, line);
}

bool IsHash(std::string_view text) {
  return text.size() == kHashDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::vector<NearestExample>> ParseNearest(const JsonObject& object) {
  std::vector<NearestExample> nearest;
  if (!object.Has("nearest")) return nearest;
  BANTAM_TRY(const json::array* items, object.Array("nearest"));
  for (const json::value& item : *items) {
    BANTAM_TRY(const JsonObject example, JsonObject::From(item, object.Where("nearest")));
    NearestExample& parsed = nearest.emplace_back();
    BANTAM_TRY(parsed.text, example.String("text"));
    BANTAM_TRY(parsed.route, example.String("route"));
    BANTAM_TRY(const double similarity, example.NumberOr("similarity", 0, -2, 2));
    parsed.similarity = static_cast<float>(similarity);
  }
  return nearest;
}

Status ParseCalibration(const JsonObject& object, AuditRecord& r) {
  if (object.Has("p_correct")) {
    BANTAM_TRY(r.p_correct, object.Number("p_correct", 0, 1));
  }
  if (object.Has("prediction_set")) {
    BANTAM_TRY(r.prediction_set, ReadTexts(object, "prediction_set"));
  }
  if (object.Has("budget")) {
    BANTAM_TRY(r.budget, ReadBudget(object));
  }
  BANTAM_TRY(r.calibration_id, object.StringOr("calibration_id", ""));
  return Ok();
}

Result<std::optional<SimilarNote>> ParseSimilar(const JsonObject& object) {
  if (!object.Has("similar")) return std::optional<SimilarNote>();
  BANTAM_TRY(const JsonObject similar, object.Object("similar"));
  SimilarNote note;
  BANTAM_TRY(note.similarity, similar.NumberOr("similarity", 0, -2, 2));
  BANTAM_TRY(note.verdict, similar.String("verdict"));
  BANTAM_TRY(note.check, similar.StringOr("check", ""));
  BANTAM_TRY(note.reason, similar.StringOr("reason", ""));
  BANTAM_TRY(note.question_sha256, similar.StringOr("question_sha256", ""));
  return std::optional<SimilarNote>(std::move(note));
}

Result<std::optional<PurgeNote>> ParsePurge(const JsonObject& object, int64_t sequence) {
  if (!object.Has("purge")) return std::optional<PurgeNote>();
  BANTAM_TRY(const JsonObject purge, object.Object("purge"));
  PurgeNote note;
  BANTAM_TRY(note.id, purge.IntOr("id", sequence, 1, int64_t{1} << 53));
  BANTAM_TRY(const std::string before, purge.StringOr("before", ""));
  note.before_us = ParseTime(before);
  BANTAM_TRY(note.session_hash, purge.StringOr("session", ""));
  BANTAM_TRY(note.request_id, purge.StringOr("request_id", ""));
  BANTAM_TRY(note.records, purge.Int("records", 1, int64_t{1} << 53));
  BANTAM_TRY(note.lines_sha256, purge.String("lines_sha256"));
  return std::optional<PurgeNote>(std::move(note));
}

Status TakeTexts(const JsonObject& texts, AuditRecord& r) {
  BANTAM_TRY(r.question, texts.StringOr("question", ""));
  BANTAM_TRY(r.answer, texts.StringOr("answer", ""));
  if (r.similar) {
    BANTAM_TRY(r.similar->reason, texts.StringOr("reason", ""));
  }
  return Ok();
}

Status ParseTexts(const JsonObject& object, int64_t version, AuditRecord& r) {
  BANTAM_TRY(r.texts_sha256, object.StringOr("texts_sha256", ""));
  BANTAM_TRY(r.key_id, object.StringOr("key", ""));
  BANTAM_TRY(r.purged_by, object.IntOr("purged", 0, 1, int64_t{1} << 53));
  if (version == 1) {
    BANTAM_TRY(r.question, object.StringOr("question", ""));
    BANTAM_TRY(r.answer, object.StringOr("answer", ""));
    return Ok();
  }
  const json::value* texts = object.Find("texts");
  if (texts == nullptr) return Ok();
  if (texts->is_string()) {
    r.sealed = texts->get_string();
    return Ok();
  }
  BANTAM_TRY(const JsonObject open, object.Object("texts"));
  return TakeTexts(open, r);
}

Result<AuditLine> ParseObject(const JsonObject& object) {
  AuditLine line;
  AuditRecord& r = line.record;
  BANTAM_TRY(const int64_t version, object.Int("v", 1, int64_t{1} << 53));
  if (version > kAuditVersion) {
    return Err(ErrorCode::kUnsupported, "{}: a record of version {}; this Bantam reads versions 1 and {}",
               object.name(), version, kAuditVersion);
  }
  BANTAM_TRY(r.sequence, object.Int("seq", 1, int64_t{1} << 53));
  BANTAM_TRY(const std::string time, object.String("time"));
  const auto time_us = ParseTime(time);
  if (!time_us)
    return Err(ErrorCode::kInvalidArgument, "{} is not a time such as 2026-11-03T12:00:00.000000Z",
               object.Where("time"));
  r.time_us = *time_us;
  BANTAM_TRY(r.request_id, object.String("request_id"));
  BANTAM_TRY(r.session_hash, object.StringOr("session", ""));
  BANTAM_TRY(r.route, object.String("route"));
  BANTAM_TRY(r.decision, object.String("decision"));
  BANTAM_TRY(r.source, object.String("source"));
  BANTAM_TRY(r.outcome, object.String("outcome"));
  BANTAM_TRY(r.problem, object.StringOr("problem", ""));
  BANTAM_TRY(r.model, object.StringOr("model", ""));
  BANTAM_TRY(r.confidence, object.NumberOr("confidence", 0, -1e300, 1e300));
  BANTAM_TRY(r.threshold, object.NumberOr("threshold", std::numeric_limits<double>::infinity(), -1e300, 1e300));
  BANTAM_RETURN_IF_ERROR(ParseCalibration(object, r));
  BANTAM_TRY(r.latency_ms, object.NumberOr("latency_ms", 0, -1e300, 1e300));
  BANTAM_TRY(r.cost, object.NumberOr("cost", 0, -1e300, 1e300));
  BANTAM_TRY(r.question_sha256, object.String("question_sha256"));
  BANTAM_TRY(r.answer_sha256, object.String("answer_sha256"));
  BANTAM_TRY(r.route_file_sha256, object.String("route_file_sha256"));
  BANTAM_TRY(r.head_sha256, object.String("head_sha256"));
  BANTAM_TRY(r.isa, object.StringOr("isa", ""));
  BANTAM_TRY(r.asked, object.BoolOr("asked", false));
  BANTAM_TRY(r.nearest, ParseNearest(object));
  BANTAM_TRY(r.similar, ParseSimilar(object));
  if (object.Has("propensity")) {
    BANTAM_TRY(r.propensity, object.Number("propensity", 0, 1));
  }
  BANTAM_TRY(r.purge, ParsePurge(object, r.sequence));
  BANTAM_RETURN_IF_ERROR(ParseTexts(object, version, r));
  BANTAM_TRY(line.previous_hash, object.String("prev"));
  BANTAM_TRY(r.hash, object.String("hash"));
  for (const auto* hash : {&line.previous_hash, &r.hash}) {
    if (!IsHash(*hash)) return Err(ErrorCode::kInvalidArgument, "{}: a hash has 64 digits", object.name());
  }
  return line;
}

}  // namespace

std::string FormatAuditLine(const AuditRecord& r, std::string_view previous_hash, std::string* hash) {
  std::string line;
  line.reserve(2'048 + r.question.size() + r.answer.size() + r.sealed.size());
  fmt::format_to(std::back_inserter(line), FMT_COMPILE("{{\"v\":{},\"seq\":{},\"time\":\"{}\""), kAuditVersion,
                 r.sequence, FormatTime(r.time_us));
  const auto text = [&](std::string_view key, std::string_view value, size_t max_bytes = kMaxWordBytes) {
    line += ",\"";
    line += key;
    line += "\":";
    AppendQuoted(value, max_bytes, line);
  };
  const auto number = [&](std::string_view key, double value) {
    line += ",\"";
    line += key;
    line += "\":";
    AppendJsonNumber(value, line);
  };
  text("request_id", r.request_id);
  if (!r.session_hash.empty()) text("session", r.session_hash);
  text("route", r.route);
  text("decision", r.decision);
  text("source", r.source);
  number("confidence", r.confidence);
  number("threshold", r.threshold);  // infinity becomes null
  if (r.p_correct) number("p_correct", *r.p_correct);
  if (!r.prediction_set.empty()) {
    line += ",\"prediction_set\":[";
    for (size_t i = 0; i < std::min(r.prediction_set.size(), kMaxSet); ++i) {
      if (i > 0) line += ',';
      AppendQuoted(r.prediction_set[i], kMaxWordBytes, line);
    }
    line += ']';
  }
  if (r.budget) line += ",\"budget\":" + ToJson(BudgetJson(r.budget));
  if (!r.calibration_id.empty()) text("calibration_id", r.calibration_id);
  line += ",\"nearest\":[";
  for (size_t i = 0; i < std::min(r.nearest.size(), kMaxNearest); ++i) {
    const NearestExample& example = r.nearest[i];
    line += i == 0 ? "{\"text\":" : ",{\"text\":";
    AppendQuoted(example.text, kMaxExampleBytes, line);
    text("route", example.route);
    line += ",\"similarity\":";
    AppendJsonNumber(example.similarity, line);
    line += '}';
  }
  line += ']';
  if (r.similar) {
    line += ",\"similar\":{\"similarity\":";
    AppendJsonNumber(r.similar->similarity, line);
    text("verdict", r.similar->verdict);
    if (!r.similar->check.empty()) text("check", r.similar->check);
    text("question_sha256", r.similar->question_sha256);
    line += '}';
  }
  if (r.propensity) number("propensity", *r.propensity);
  text("outcome", r.outcome);
  if (!r.problem.empty()) text("problem", r.problem, kMaxExampleBytes);
  if (!r.model.empty()) text("model", r.model);
  number("latency_ms", r.latency_ms);
  number("cost", r.cost);
  text("question_sha256", r.question_sha256);
  text("answer_sha256", r.answer_sha256);
  text("route_file_sha256", r.route_file_sha256);
  text("head_sha256", r.head_sha256);
  if (!r.isa.empty()) text("isa", r.isa);
  if (r.asked) line += ",\"asked\":true";
  if (r.purge) {
    line += ",\"purge\":{\"records\":" + std::to_string(r.purge->records);
    if (r.purge->id != r.sequence) line += ",\"id\":" + std::to_string(r.purge->id);
    if (r.purge->before_us) text("before", FormatTime(*r.purge->before_us));
    if (!r.purge->session_hash.empty()) text("session", r.purge->session_hash);
    if (!r.purge->request_id.empty()) text("request_id", r.purge->request_id);
    text("lines_sha256", r.purge->lines_sha256);
    line += '}';
  }
  const std::string texts = r.sealed.empty() ? FormatAuditTexts(r) : QuoteJson(r.sealed);
  if (!texts.empty()) text("texts_sha256", Sha256Hex(texts));
  if (!r.sealed.empty()) text("key", r.key_id);
  text("prev", previous_hash);
  *hash = Sha256Hex(line);
  line += kHashKey;
  line += *hash;
  line += '"';
  if (!texts.empty()) (line += kTextsKey) += texts;
  line += '}';
  return line;
}

std::string FormatAuditTexts(const AuditRecord& r) {
  std::string texts;
  const auto add = [&](std::string_view key, std::string_view value, size_t max_bytes) {
    if (value.empty()) return;
    texts += texts.empty() ? "{\"" : ",\"";
    (texts += key) += "\":";
    AppendQuoted(value, max_bytes, texts);
  };
  add("question", r.question, kMaxTextBytes);
  add("answer", r.answer, kMaxTextBytes);
  if (r.similar) add("reason", r.similar->reason, kMaxExampleBytes);
  if (!texts.empty()) texts += '}';
  return texts;
}

Status ParseAuditTexts(std::string_view texts, std::string_view name, AuditRecord& record) {
  BANTAM_TRY(const json::value document, ParseJson(texts, name, {.max_depth = 2, .max_bytes = kMaxAuditLineBytes}));
  BANTAM_TRY(const JsonObject object, JsonObject::From(document, name));
  return TakeTexts(object, record);
}

Result<AuditLine> ParseAuditLine(std::string_view line, std::string_view name) {
  const auto corrupt = [](Error error) { return error.code = ErrorCode::kCorrupt, error; };
  auto document = ParseJson(line, name, {.max_depth = 8, .max_bytes = kMaxAuditLineBytes});
  if (!document) return corrupt(document.error());
  auto object = JsonObject::From(*document, name);
  if (!object) return corrupt(object.error());
  auto parsed = ParseObject(*object);
  if (!parsed) return corrupt(parsed.error());
  return parsed;
}

std::optional<AuditLineParts> SplitAuditLine(std::string_view line) {
  // Inside a string its quotes would be escaped, and nothing before it has a key of that name.
  const size_t end = line.find(kHashKey);
  if (end == std::string_view::npos) return std::nullopt;
  AuditLineParts parts{.body = line.substr(0, end), .hash = line.substr(end + kHashKey.size()), .texts = {}};
  if (parts.hash.size() < kHashDigits + 2 || parts.hash[kHashDigits] != '"' || !parts.hash.ends_with('}'))
    return std::nullopt;
  std::string_view rest = parts.hash.substr(kHashDigits + 1, parts.hash.size() - kHashDigits - 2);
  parts.hash = parts.hash.substr(0, kHashDigits);
  if (rest.starts_with(kTextsKey)) {
    parts.texts = rest.substr(kTextsKey.size());
  } else if (rest.starts_with(kPurgedKey)) {
    rest.remove_prefix(kPurgedKey.size());
    const auto [last, error] = std::from_chars(rest.data(), rest.data() + rest.size(), parts.purged_by);
    if (error != std::errc() || last != rest.data() + rest.size() || parts.purged_by < 1) return std::nullopt;
  } else if (!rest.empty()) {
    return std::nullopt;
  }
  return parts;
}

std::string HashOfAuditLine(std::string_view line) {
  const auto parts = SplitAuditLine(line);
  return parts ? Sha256Hex(parts->body) : std::string();
}

std::string_view RequestIdIn(std::string_view id) {
  for (const std::string_view kind : {"chatcmpl-", "cmpl-", "classify-", "route-", "msg_", "resp_"}) {
    if (id.starts_with(kind)) return id.substr(kind.size());
  }
  return id;
}

std::string FormatTime(int64_t time_us) {
  const std::time_t seconds = std::clamp<int64_t>(time_us / 1'000'000, 0, 253'402'300'799);  // the end of 9999
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format(FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z"), utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, time_us < 0 ? 0 : time_us % 1'000'000);
}

std::optional<int64_t> ParseTime(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd.ddddddZ";
  if (text.size() != kShape.size()) return std::nullopt;
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == 'd' ? !digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto number = [&](size_t at, size_t length) {
    int64_t value = 0;
    for (size_t i = at; i < at + length; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  std::tm utc{};
  utc.tm_year = static_cast<int>(number(0, 4)) - 1900;
  utc.tm_mon = static_cast<int>(number(5, 2)) - 1;
  utc.tm_mday = static_cast<int>(number(8, 2));
  utc.tm_hour = static_cast<int>(number(11, 2));
  utc.tm_min = static_cast<int>(number(14, 2));
  utc.tm_sec = static_cast<int>(number(17, 2));
  const int64_t time_us = int64_t{::timegm(&utc)} * 1'000'000 + number(20, 6);
  if (FormatTime(time_us) != text) return std::nullopt;  // the 31st of June, 25 o'clock
  return time_us;
}

}  // namespace bantam
