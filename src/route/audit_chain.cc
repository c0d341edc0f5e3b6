#include "route/audit_chain.h"

#include <algorithm>

#include "route/audit_reader.h"

namespace bantam {

std::string ProblemOf(std::string_view line, const AuditRecord& record) {
  const auto parts = SplitAuditLine(line);
  if (!parts || parts->hash != record.hash || parts->purged_by != record.purged_by)
    return "it does not end as a record does";
  const bool purged = parts->purged_by != 0;
  // A line of version 1 whose texts were taken out: what it is now is proven by the record that took them.
  const bool hash_holds = purged && record.texts_sha256.empty();
  if (!hash_holds && Sha256Hex(parts->body) != record.hash)
    return "its hash does not fit its content: the line was changed";
  if (!parts->texts.empty() && Sha256Hex(parts->texts) != record.texts_sha256)
    return "its texts are not those that it was written with";
  if (parts->texts.empty() && !record.texts_sha256.empty() && !purged)
    return "its texts were removed, and no purge was recorded";
  return {};
}

std::string ChainCheck::Add(std::string_view line, const AuditLine& parsed) {
  const AuditRecord& record = parsed.record;
  if (std::string problem = ProblemOf(line, record); !problem.empty()) return problem;
  if (parsed.previous_hash != last_hash_ || record.sequence != records_ + 1) {
    return fmt::format(
        "it is record {} and does not continue the line before it: a line was removed, inserted or moved",
        record.sequence);
  }
  if (record.purged_by != 0) {
    Lines& lines = waiting_[record.purged_by];
    if (++lines.count == 1) lines.first = record.sequence;
    lines.hash.Update(line).Update("\n");
    ++purged_;
  }
  if (!Settle(record)) return "it does not tell of the lines whose texts were taken out: one of them was changed since";
  last_hash_ = record.hash;
  ++records_;
  return {};
}

// Whether a purge's record tells of exactly the lines that name it.
bool ChainCheck::Settle(const AuditRecord& record) {
  if (!record.purge) return true;
  const auto found = waiting_.find(record.purge->id);
  if (found == waiting_.end()) return false;
  const bool same =
      found->second.count == record.purge->records && HexOf(found->second.hash.Finish()) == record.purge->lines_sha256;
  waiting_.erase(found);
  return same;
}

std::optional<int64_t> ChainCheck::Unsettled() const {
  std::optional<int64_t> first;
  for (const auto& [by, lines] : waiting_) first = std::min(first.value_or(lines.first), lines.first);
  return first;
}

Result<AuditCheck> VerifyAuditLog(const Path& file) {
  BANTAM_TRY(AuditReader reader, AuditReader::Open(file));
  ChainCheck chain;
  AuditCheck check;
  const auto found = [&](std::optional<int64_t> bad_line, std::string problem) {
    check.first_bad_line = bad_line;
    check.problem = std::move(problem);
    check.records = chain.records();
    check.purged = chain.purged();
    check.last_hash = chain.last_hash();
    return check;
  };
  const auto bad = [&](std::string problem) { return found(reader.line_number(), std::move(problem)); };
  // The finding names the file and the line by itself.
  const auto without_place = [&](std::string message) {
    const std::string where = reader.Where();
    if (message.starts_with(where + ":1:")) return "column " + message.substr(where.size() + 3);
    return message.starts_with(where + ": ") ? message.substr(where.size() + 2) : message;
  };
  for (;;) {
    const auto line = reader.NextLine();
    if (!line && line.error().code == ErrorCode::kCorrupt) return bad(line.error().message);
    if (!line) return line.error();
    if (!*line) break;
    const auto parsed = ParseAuditLine(**line, reader.Where());
    if (!parsed) return bad(without_place(parsed.error().message));
    if (std::string problem = chain.Add(**line, *parsed); !problem.empty()) return bad(std::move(problem));
  }
  found({}, {});
  if (const auto unsettled = chain.Unsettled()) {
    found(unsettled, "its texts were removed, and the record that is said to have done it is not there");
    check.records = *unsettled - 1;
  }
  check.unfinished_bytes = reader.unfinished_bytes();
  return check;
}

}  // namespace bantam
