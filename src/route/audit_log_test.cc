#include "route/audit_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <random>
#include <thread>

#include "base/log.h"
#include "base/sha256.h"
#include "base/testing.h"
#include "route/audit_explain.h"
#include "route/audit_format.h"
#include "route/audit_reader.h"
#include "route/testing/broken_files.h"
#include "route/testing/small_disk.h"

namespace bantam {
namespace {

using testing::Slurp;
using testing::Spit;

AuditRecord Record(int n) {
  AuditRecord r;
  r.request_id = fmt::format("req-{}", n);
  r.route = "refund_status";
  r.source = "local model";
  r.decision = "answer";
  r.outcome = "ok";
  r.confidence = 0.93;
  r.threshold = 0.7;
  r.latency_ms = 4.25;
  r.question_sha256 = Sha256Hex("q");
  r.answer_sha256 = Sha256Hex("a");
  r.route_file_sha256 = Sha256Hex("f");
  r.head_sha256 = Sha256Hex("h");
  r.nearest = {{"where is my refund", "refund_status", 0.91f}, {"money back", "refund", 0.5f}};
  return r;
}

void Write(const Path& file, int count, int from = 0) {
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file));
  for (int i = from; i < from + count; ++i) ASSERT_OK(log->Append(Record(i)));
}

AuditCheck Verify(const Path& file) {
  const auto check = VerifyAuditLog(file);
  EXPECT_OK(check);
  return check.value_or(AuditCheck{.records = -1, .last_hash = {}, .first_bad_line = 0, .problem = "unreadable"});
}

TEST(AuditLog, WhatIsWrittenIsRead) {
  testing::TempFolder folder;
  const Path file = folder / "state/audit.jsonl";
  AuditRecord full = Record(1);
  full.session_hash = Sha256Hex("s");
  full.model = "gpt";
  full.propensity = 0.01;
  full.problem = "\"big\" did not answer in time";
  full.question = "Wo ist\n\"mein\" Geld\u2028?";
  full.answer = "a\xFF\x01z";
  full.cost = 0.00125;
  full.isa = "avx2";
  full.asked = true;
  full.propensity = 0.01;
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file));
    ASSERT_OK(log->Append(full));
    ASSERT_OK(log->Append(Record(2)));
  }
  std::vector<AuditRecord> read;
  ASSERT_OK(ReadAuditLog(file, [&](const AuditRecord& r, std::string_view) { return read.push_back(r), true; }));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[0].sequence, 1);
  EXPECT_EQ(read[1].sequence, 2);
  EXPECT_GT(read[0].time_us, 1'600'000'000'000'000);
  EXPECT_EQ(read[0].request_id, "req-1");
  EXPECT_EQ(read[0].session_hash, full.session_hash);
  EXPECT_EQ(read[0].model, "gpt");
  EXPECT_EQ(read[0].problem, full.problem);
  EXPECT_EQ(read[0].question, full.question);
  EXPECT_EQ(read[0].answer, "a\uFFFD\x01z");  // a log is valid UTF-8, whatever it is told
  EXPECT_EQ(read[0].cost, 0.00125);
  EXPECT_EQ(read[0].confidence, 0.93);
  EXPECT_EQ(read[0].isa, "avx2");
  EXPECT_TRUE(read[0].asked);
  EXPECT_EQ(read[0].propensity, 0.01);
  ASSERT_EQ(read[0].nearest.size(), 2u);
  EXPECT_EQ(read[0].nearest[0].text, "where is my refund");
  EXPECT_FLOAT_EQ(read[0].nearest[0].similarity, 0.91f);
  EXPECT_EQ(read[0].propensity, 0.01);
  const AuditCheck check = Verify(file);
  EXPECT_EQ(check.records, 2);
  EXPECT_EQ(check.last_hash, read[1].hash);
  EXPECT_FALSE(check.first_bad_line.has_value());
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(AuditLog, TheChainGoesOnAfterARestart) {
  testing::TempFolder folder;
  for (int i = 0; i < 4; ++i) Write(folder / "a.jsonl", 3, 3 * i);
  EXPECT_EQ(Verify(folder / "a.jsonl").records, 12);
}

TEST(AuditLog, LongAndOddTextsFit) {
  testing::TempFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(folder / "a.jsonl"));
    AuditRecord r = Record(1);
    r.question = std::string(1 << 20, '\x01');  // six bytes each in JSON
    for (int i = 0; i < 100'000; ++i) r.answer += "é";
    r.request_id = std::string(100'000, 'x');
    r.nearest.resize(50, {std::string(10'000, '\x02'), "r", 1});
    r.confidence = std::numeric_limits<double>::quiet_NaN();
    ASSERT_OK(log->Append(r));
    ASSERT_OK(log->Append(Record(2)));
  }
  EXPECT_EQ(Verify(folder / "a.jsonl").records, 2);
  ASSERT_OK(ReadAuditLog(folder / "a.jsonl", [&](const AuditRecord& r, std::string_view) {
    EXPECT_EQ(r.question.size(), (64u << 10) + 3);
    EXPECT_TRUE(r.answer.ends_with("é…"));
    EXPECT_EQ(r.nearest.size(), 3u);
    return false;
  }));
}

// Property: whatever single change is made to whatever line, verification finds it, and no later than in the line
// after.
TEST(AuditLog, EveryChangeIsFound) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  Write(file, 6);
  const std::string good = Slurp(file);
  std::vector<std::string> lines;
  for (size_t at = 0; at < good.size();) {
    const size_t end = good.find('\n', at) + 1;
    lines.push_back(good.substr(at, end - at));
    at = end;
  }
  const auto expect_bad = [&](const std::string& text, int64_t first, int64_t last, const std::string& what) {
    Spit(file, text);
    const AuditCheck check = Verify(file);
    ASSERT_TRUE(check.first_bad_line.has_value()) << what;
    EXPECT_GE(*check.first_bad_line, first) << what;
    EXPECT_LE(*check.first_bad_line, last) << what;
    EXPECT_FALSE(check.problem.empty());
  };
  const auto joined = [&](const std::vector<size_t>& order) {
    std::string text;
    for (const size_t i : order) text += lines[i];
    return text;
  };
  UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  for (size_t byte = 0; byte + 1 < good.size(); ++byte) {  // the last newline apart: without it the line is unfinished
    const char bad = static_cast<char>(good[byte] ^ 0x01);
    ASSERT_EQ(::pwrite(fd.get(), &bad, 1, static_cast<off_t>(byte)), 1);
    const int64_t line = 1 + std::count(good.begin(), good.begin() + static_cast<ptrdiff_t>(byte), '\n');
    const AuditCheck check = Verify(file);
    ASSERT_TRUE(check.first_bad_line.has_value()) << byte;
    ASSERT_TRUE(*check.first_bad_line == line || *check.first_bad_line == line + 1) << byte;
    ASSERT_EQ(::pwrite(fd.get(), &good[byte], 1, static_cast<off_t>(byte)), 1);
  }
  expect_bad(joined({0, 1, 3, 4, 5}), 3, 3, "removed");
  expect_bad(joined({1, 2, 3, 4, 5}), 1, 1, "the first removed");
  expect_bad(joined({0, 2, 1, 3, 4, 5}), 2, 2, "re-ordered");
  expect_bad(joined({0, 1, 1, 2, 3, 4, 5}), 3, 3, "repeated");
  expect_bad(joined({0, 1}) + "\n" + joined({2, 3, 4, 5}), 3, 3, "an empty line");
  // A whole line rewritten with a hash of its own: the line after it gives it away.
  AuditRecord forged = ParseAuditLine(std::string_view(lines[2]).substr(0, lines[2].size() - 1), "x").value().record;
  forged.route = "other";
  std::string hash;
  const std::string forged_line = FormatAuditLine(
      forged, ParseAuditLine(std::string_view(lines[2]).substr(0, lines[2].size() - 1), "x").value().previous_hash,
      &hash);
  expect_bad(joined({0, 1}) + forged_line + "\n" + joined({3, 4, 5}), 4, 4, "forged");
  // Cut off at the end leaves no gap: what is left verifies, and the noted last hash is missing.
  Spit(file, joined({0, 1, 2}));
  EXPECT_EQ(Verify(file).records, 3);
}

TEST(AuditLog, TornTailIsMovedAside) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  Write(file, 3);
  const std::string good = Slurp(file);
  const size_t last = good.rfind('\n', good.size() - 2) + 1;
  for (const size_t cut : {last + 1, last + 100, good.size() - 1}) {
    std::filesystem::remove(file.string() + ".torn");
    const std::string torn = good.substr(0, cut);
    Spit(file, torn);
    EXPECT_EQ(Verify(file).records, 2);
    EXPECT_EQ(Verify(file).unfinished_bytes, static_cast<int64_t>(cut - last));
    Write(file, 1, 9);
    EXPECT_EQ(Verify(file).records, 3);
    EXPECT_TRUE(Slurp(file).starts_with(good.substr(0, last)));  // no earlier byte changed
    EXPECT_EQ(Slurp(file.string() + ".torn"), good.substr(last, cut - last) + "\n");
  }
  // A file that is nothing but a torn record.
  Spit(file, "{\"v\":1,");
  Write(file, 1);
  EXPECT_EQ(Verify(file).records, 1);
}

TEST(AuditLog, ZerosLeftByAPowerCutAreATornTail) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  for (const std::string& tail : {std::string(5000, '\0'), std::string(500, '\0') + "\n",
                                  std::string(9, '\0') + "\n" + std::string(9, '\0') + "x\n"}) {
    std::filesystem::remove(file);
    Write(file, 2);
    const std::string good = Slurp(file);
    Spit(file, good + tail);
    Write(file, 1, 7);
    EXPECT_EQ(Verify(file).records, 3);
    EXPECT_TRUE(Slurp(file).starts_with(good));
  }
}

TEST(AuditLog, AFileThatIsNotOursIsNotTouched) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  for (const char* text : {"hello\n", "{}\n", "\n"}) {
    Spit(file, text);
    const auto log = AuditLog::Open(file);
    ASSERT_FALSE(log.has_value()) << text;
    EXPECT_EQ(log.error().code, ErrorCode::kCorrupt);
    EXPECT_EQ(Slurp(file), text);
  }
  Write(folder / "b.jsonl", 2);
  std::string changed = Slurp(folder / "b.jsonl");
  changed[changed.rfind("refund")] = 'X';
  Spit(folder / "b.jsonl", changed);
  EXPECT_FALSE(AuditLog::Open(folder / "b.jsonl").has_value());
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(AuditLog::Open(folder / "fifo").has_value());
  EXPECT_FALSE(VerifyAuditLog(folder / "fifo").has_value());
  EXPECT_FALSE(AuditLog::Open(folder.path()).has_value());
  EXPECT_FALSE(VerifyAuditLog(folder / "missing").has_value());
}

TEST(AuditLog, OneWriter) {
  testing::TempFolder folder;
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(folder / "a.jsonl"));
  const auto second = AuditLog::Open(folder / "a.jsonl");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
}

TEST(AuditLog, FullDiskIsReportedAndLeavesNoHalfRecord) {
  BANTAM_REQUIRE_SMALL_DISK(disk);
  const Path file = disk / "a.jsonl";
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file));
  ASSERT_OK(log->Append(Record(0)));
  disk.Fill();
  int written = 1;
  Status status = Ok();
  for (; written < 100; ++written) {
    if (status = log->Append(Record(written)); !status) break;
  }
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kOutOfDisk) << status.error().message;
  EXPECT_EQ(Verify(file).records, written);
  EXPECT_EQ(Verify(file).unfinished_bytes, 0);
  disk.MakeRoom();
  ASSERT_OK(log->Append(Record(500)));
  EXPECT_EQ(Verify(file).records, written + 1);
  log.reset();
  EXPECT_EQ(Verify(file).records, written + 1);
}

TEST(AuditLog, SaysWhenItIsReplacedFromOutside) {
  testing::TempFolder folder;
  std::mutex mutex;
  std::string warnings;
  SetLogSink([&](LogLevel, std::string_view line) {
    std::lock_guard lock(mutex);
    warnings += line;
  });
  ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(folder / "a.jsonl"));
  std::filesystem::rename(folder / "a.jsonl", folder / "a.jsonl.1");
  const auto warned = [&] {
    std::lock_guard lock(mutex);
    return warnings.find("removed or replaced") != std::string::npos;
  };
  for (int i = 0; i < 30'000 && !warned(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(warned());
  SetLogSink({});
}

TEST(AuditLog, ManyThreadsWriteOneChain) {
  testing::TempFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(folder / "a.jsonl"));
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) EXPECT_OK(log->Append(Record(t * 100 + i)));
      });
    }
  }
  EXPECT_EQ(Verify(folder / "a.jsonl").records, 600);
}

TEST(AuditReader, FollowsAGrowingFile) {
  testing::TempFolder folder;
  const Path file = folder / "a";
  Spit(file, "one\ntw");
  ASSERT_OK_AND_ASSIGN(AuditReader reader, AuditReader::Open(file));
  const auto next = [&]() -> std::string {
    const auto line = reader.NextLine();
    EXPECT_OK(line);
    return line && *line ? std::string(**line) : "-";
  };
  EXPECT_EQ(next(), "one");
  EXPECT_EQ(next(), "-");
  EXPECT_EQ(reader.unfinished_bytes(), 2);
  std::ofstream(file, std::ios::app) << "o\n\nthree\n";
  EXPECT_EQ(next(), "two");
  EXPECT_EQ(next(), "");
  EXPECT_EQ(next(), "three");
  EXPECT_EQ(next(), "-");
  EXPECT_EQ(reader.line_number(), 4);
}

// Property: however the bytes arrive, the lines are the same.
TEST(AuditReader, AnySplitGivesTheSameLines) {
  testing::TempFolder folder;
  std::mt19937 random(11);
  for (int round = 0; round < 100; ++round) {
    std::string text;
    std::vector<std::string> expected(1);
    for (int i = static_cast<int>(random() % 300); i > 0; --i) {
      const char c = "a\n\0\xFF\r"[random() % 5];
      text += c;
      if (c == '\n') expected.emplace_back();
      if (c != '\n') expected.back() += c;
    }
    const size_t unfinished = expected.back().size();
    expected.pop_back();
    Spit(folder / "a", "");
    std::ofstream out(folder / "a", std::ios::app);
    ASSERT_OK_AND_ASSIGN(AuditReader reader, AuditReader::Open(folder / "a"));
    std::vector<std::string> lines;
    for (size_t at = 0; at < text.size();) {
      const size_t piece = std::min<size_t>(1 + random() % 40, text.size() - at);
      out.write(text.data() + at, static_cast<std::streamsize>(piece)).flush();
      at += piece;
      for (;;) {
        ASSERT_OK_AND_ASSIGN(const auto line, reader.NextLine());
        if (!line) break;
        lines.emplace_back(*line);
      }
    }
    ASSERT_EQ(lines, expected);
    ASSERT_EQ(reader.unfinished_bytes(), static_cast<int64_t>(unfinished));
  }
}

TEST(AuditReader, BeginsAtTheLastLines) {
  testing::TempFolder folder;
  std::string text;
  std::vector<int64_t> starts;
  std::mt19937 random(5);
  for (int i = 0; i < 3'000; ++i) {
    starts.push_back(static_cast<int64_t>(text.size()));
    text += std::string(random() % 200, 'x') + "\n";
  }
  const auto begin = [&](const char* name, int64_t count) {
    const auto reader = AuditReader::OpenAtLast(folder / name, count);
    EXPECT_OK(reader);
    return reader ? reader->offset() : -1;
  };
  for (const bool torn : {false, true}) {
    Spit(folder / "a", text + (torn ? "half" : ""));
    for (const size_t count : {1, 2, 10, 2'999, 3'000, 5'000}) {
      const int64_t expected = count >= starts.size() ? 0 : starts[starts.size() - count];
      EXPECT_EQ(begin("a", static_cast<int64_t>(count)), expected) << count;
    }
    EXPECT_EQ(begin("a", 0), static_cast<int64_t>(text.size()));
  }
  Spit(folder / "empty", "");
  EXPECT_EQ(begin("empty", 3), 0);
}

TEST(AuditReader, BeginsAfterARecord) {
  testing::TempFolder folder;
  const Path file = folder / "a.jsonl";
  Write(file, 300);
  const auto first = [&](int64_t after) -> int64_t {
    int64_t sequence = 0;
    auto reader = AuditReader::OpenAfter(file, after);
    EXPECT_OK(reader);
    EXPECT_OK(ReadRecords(*reader, [&](const AuditRecord& r, std::string_view) {
      sequence = r.sequence;
      return false;
    }));
    return sequence;
  };
  EXPECT_EQ(first(0), 1);
  EXPECT_EQ(first(-7), 1);
  EXPECT_EQ(first(1), 2);
  EXPECT_EQ(first(299), 300);
  EXPECT_EQ(first(300), 0) << "nothing yet";
  EXPECT_EQ(first(301), 1) << "another log";
  std::ofstream(file, std::ios::app) << "half";
  EXPECT_EQ(first(299), 300);
  ASSERT_OK_AND_ASSIGN(AuditReader reader, AuditReader::OpenAtLast(file, 0));
  EXPECT_FALSE(reader.replaced());
  std::filesystem::rename(file, folder / "b.jsonl");
  EXPECT_FALSE(reader.replaced()) << "nothing is there";
  Write(file, 1);
  EXPECT_TRUE(reader.replaced());
}

TEST(AuditFormat, Time) {
  EXPECT_EQ(FormatTime(1'793'707'200'123'456), "2026-11-03T12:00:00.123456Z");
  EXPECT_EQ(ParseTime("2026-11-03T12:00:00.123456Z"), 1'793'707'200'123'456);
  EXPECT_EQ(FormatTime(0), "1970-01-01T00:00:00.000000Z");
  for (const char* wrong :
       {"", "2026-11-03T12:00:00Z", "2026-13-03T12:00:00.123456Z", "2026-06-31T12:00:00.123456Z",
        "2026-11-03T25:00:00.123456Z", "2026-11-03 12:00:00.123456Z", "2026-11-03T12:00:00.12345xZ"}) {
    EXPECT_FALSE(ParseTime(wrong).has_value()) << wrong;
  }
}

TEST(AuditExplain, TellsWhy) {
  AuditRecord r = Record(7);
  r.hash = Sha256Hex("r");
  std::string text = ExplainDecision(r);
  for (const char* part : {"req-7", "\"refund_status\"", "0.930, at or above the threshold 0.700",
                           "0.910  \"where is my refund\"", "texts are not kept", "cost nothing"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
  EXPECT_NE(text.find(r.question_sha256), std::string::npos);
  r.route.clear();
  r.confidence = 0.2;
  r.decision = "unsure";
  r.outcome = "upstream_timeout";
  r.problem = "\"big\" did not answer in time";
  r.question = "evil \x1B[31m";
  text = ExplainDecision(r);
  for (const char* part :
       {"below the threshold", "not sure", "upstream_timeout", "did not answer in time", "evil \\x1B[31m"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
  }
  r.source = "upstream";
  r.model = "gpt";
  r.outcome = "ok";
  EXPECT_NE(ExplainDecision(r).find("Therefore the large model gpt was asked"), std::string::npos)
      << ExplainDecision(r);
  r.outcome = "upstream_truncated";
  text = ExplainDecision(r);
  EXPECT_NE(text.find("broke off in the middle"), std::string::npos) << text;
  EXPECT_EQ(text.find("and answered"), std::string::npos) << text;
}

TEST(AuditLog, WithoutAThreadItKeepsTheSameChain) {
  testing::TempFolder folder;
  const Path file = folder / "audit.jsonl";
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(file, /*own_thread=*/false));
    for (int i = 0; i < 3; ++i) ASSERT_OK(log->Append(Record(i)));
    EXPECT_EQ(Verify(file).records, 3);  // with the kernel before Append returns
    // Past the second after which the caller syncs; something else has written meanwhile, which it then tells.
    std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    std::ofstream(file, std::ios::app) << "{}\n";
    std::string warned;
    const ThreadLogSink::Sink sink = [&](LogLevel, std::string_view line) { warned = line; };
    const ThreadLogSink scope(&sink);
    ASSERT_OK(log->Append(Record(3)));
    EXPECT_NE(warned.find("something else wrote to it"), std::string::npos) << warned;
  }
  Write(folder / "other.jsonl", 2);
  {
    ASSERT_OK_AND_ASSIGN(auto log, AuditLog::Open(folder / "other.jsonl", /*own_thread=*/false));
    ASSERT_OK(log->Append(Record(2)));
  }
  EXPECT_EQ(Verify(folder / "other.jsonl").records, 3);
}

}  // namespace
}  // namespace bantam
