// One append-only record per decision, hash-chained: each record carries the SHA-256 of the one before, so that a
// changed, removed or re-ordered line is found by `bantam audit verify`. JSON Lines:
//
//   {"v":2,"seq":7,"time":"2026-11-03T12:00:00.123456Z","request_id":"...", ... ,"texts_sha256":"DIGEST",
//    "prev":"HASH OF LINE 6","hash":"HASH","texts":{"question":"...","answer":"..."}}
//
// `hash` is the SHA-256 of the line's bytes before `,"hash":`, and `texts_sha256` that of the value of `texts`, so that
// texts can be taken out later (audit_purge.h) and the chain still holds. With a key (audit_key.h) that value is their
// ciphertext: whoever checks the chain needs none. In lines of version 1 the texts stood before the hash.
//
// The chain has no key: whoever can rewrite the whole file can rewrite its chain, and lines taken from the end leave no
// gap. Both show against a hash that was noted elsewhere before (`bantam audit verify --contains HASH`).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "route/types.h"

namespace bantam {

class AuditKey;

// A stored question like the one that was asked, and what became of it.
struct SimilarNote {
  double similarity = 0;
  // "hit", "refused", "audited_same", "audited_different"; "audited": nobody could tell
  std::string verdict = {};
  std::string check = {};            // that refused: "entities"
  std::string reason = {};           // in words, of the questions; kept only with `audit: {content: text}`
  std::string question_sha256 = {};  // of the stored question
};

// Records that are no answer to anybody.
inline constexpr std::string_view kFeedbackDecision = "feedback";  // what a person said of an answer
inline constexpr std::string_view kLabelDecision = "label";        // which route a teacher finds a message to be about
inline constexpr std::string_view kLearningDecision = "learning";  // what became of candidates and learned heads
inline constexpr std::string_view kQueueDecision = "queue";        // a question that waited was dropped unasked
inline constexpr std::string_view kPurgeDecision = "purge";        // texts of earlier records were taken out

// Which texts were taken out, and what is left of their lines.
struct PurgeNote {
  // That these lines name. The record's own number, but where others were appended while the log was written anew.
  int64_t id = 0;
  std::optional<int64_t> before_us;      // those older than this
  std::string session_hash, request_id;  // those of one conversation, of one request
  int64_t records = 0;
  std::string lines_sha256;  // of these lines as they are now, each with its newline
};

struct AuditRecord {
  int64_t sequence = 0;  // from 1, filled by Append
  int64_t time_us = 0;   // wall clock, microseconds since 1970; filled by Append
  std::string request_id, session_hash, route, source, decision, model, outcome;  // outcome: ok, upstream_timeout, ...
  std::string problem;  // what went wrong upstream, in words (UpstreamReply::problem)
  double confidence = 0, latency_ms = 0, cost = 0;
  double threshold = 0;                     // infinity: no confidence would do
  std::optional<double> p_correct;          // of the likeliest route
  std::vector<std::string> prediction_set;  // at most 16 are written
  std::optional<BudgetInForce> budget;
  std::string calibration_id;
  std::string question_sha256, answer_sha256;
  std::string question, answer;  // only when the route file says `audit: {content: text}`; cut after 64 KiB
  std::string sealed;            // both, encrypted, in base64, until OpenTexts (audit_key.h) puts them in their place
  std::string key_id;            // of the key that does it
  std::string route_file_sha256, head_sha256;
  std::string isa;                      // of the kernels that computed it: on another level the last bits may differ
  bool asked = false;                   // decided right after a question of ours, which the message alone does not tell
  std::vector<NearestExample> nearest;  // at most 3; texts are the route file's own examples
  std::optional<SimilarNote> similar;   // what the semantic cache made of the nearest question that it had
  std::optional<double> propensity;     // the chance with which this message was drawn, to be shown to the teacher, too
  std::optional<PurgeNote> purge;
  // Filled when read:
  std::string hash;          // this line's
  std::string texts_sha256;  // of its texts, which may have been taken out since; empty: it had none
  int64_t purged_by = 0;     // PurgeNote::id of the record that took them out; 0: none did
};

// Thread-safe. Every record reaches the kernel, by one write, before Append returns (it survives kill -9 of the
// process), and the disk within a second: a thread of its own sees to that. With own_thread = false there is none, and
// the record after a second, or the end of the log, takes those before it to the disk. A torn last line is moved to
// FILE.torn when the log is opened; no earlier byte is ever changed, but by a purge (audit_purge.h).
class AuditLog {
 public:
  // Where it ends now.
  struct End {
    int64_t records = 0, bytes = 0;
    std::string hash;  // of the last record
  };

  // kConflict: another process writes it. kCorrupt: its last line is complete but not a record; nothing is changed
  // then.
  static Result<std::unique_ptr<AuditLog>> Open(const Path& file, bool own_thread = true);
  // Encrypts the texts of records from now on; null: they are written as they are.
  virtual void SetKey(std::shared_ptr<const AuditKey> key) = 0;
  virtual ~AuditLog() = default;
  // On an error (kOutOfDisk, ...) nothing of the record is in the file; a later call may succeed, when there is room
  // again.
  virtual Status Append(AuditRecord record) = 0;
  // Whether the disk kept the last Append waiting: whoever must not wait asks first.
  virtual bool slow() const = 0;
  virtual const Path& file() const = 0;
  virtual End end() const = 0;
  // Renames `copy` over the file and goes on in it: what was appended since `from`, which the copy stands for, is added
  // to it before, and then `last`. Records wait meanwhile, but not for the disk. `copy` is open to read and to append,
  // and locked as a log is. On an error before the renaming the log is as it was.
  virtual Result<End> ReplaceBy(UniqueFd copy, const Path& copy_file, const End& from, AuditRecord last) = 0;
};

inline bool IsAnswer(const AuditRecord& record) {
  return record.decision != kFeedbackDecision && record.decision != kLabelDecision &&
         record.decision != kLearningDecision && record.decision != kQueueDecision && record.decision != kPurgeDecision;
}

struct AuditCheck {
  int64_t records = 0;  // good ones, before the first bad line
  int64_t purged = 0;   // of them: their texts were taken out, as a later record says
  std::string last_hash;
  std::optional<int64_t> first_bad_line;  // 1-based
  std::string problem;
  int64_t unfinished_bytes = 0;  // after the last complete line: being written right now, or torn by a crash
};

// A broken chain is not an error of this function but its finding.
Result<AuditCheck> VerifyAuditLog(const Path& file);
// Reads records in order; the visitor returns false to stop. kCorrupt, with the line's number, at a line that is not a
// record. Does not check the chain. An unfinished last line is not read.
Status ReadAuditLog(const Path& file, const std::function<bool(const AuditRecord&, std::string_view line)>& visit);

}  // namespace bantam
