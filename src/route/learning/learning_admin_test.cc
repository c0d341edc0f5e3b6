// What people do to candidates is in the audit log, without a word of what was said.
#include "route/learning/learning_admin.h"

#include "base/sha256.h"
#include "base/testing.h"
#include "route/audit_explain.h"
#include "route/logged_messages.h"
#include "route/state_folder.h"
#include "route/testing/broken_files.h"

namespace bantam {
namespace {

using testing::Slurp;

constexpr std::string_view kFile = R"(version: 1
name: shop
model_list:
  - {model_name: big, params: {model: x, api_base: "http://127.0.0.1:1/v1"}}
routes:
  - {name: hours, utterances: [when are you open, opening hours], action: {type: escalate}}
  - {name: refund, utterances: [i want my money back, refund please], action: {type: escalate}}
decision: {policy: threshold, confidence_threshold: 0.6, nlu_fallback: big}
audit: {content: text}
learning: {}
)";

struct Reviewed {
  Reviewed() {
    CandidateStore store = CandidateStore::Open(folder.path()).value();
    for (const char* id : {"req-1", "req-2", "req-3"}) {
      EXPECT_OK(store.Hear(
          {.text = fmt::format("where is parcel {}", id), .request_id = id, .guess = "hours", .escalated = true}));
    }
    for (const int64_t labelled : {1, 2}) EXPECT_OK(store.Label(labelled, "hours"));
  }
  std::vector<AuditRecord> Records() {
    EXPECT_OK(RecordLearning(file, folder.path()));
    std::vector<AuditRecord> records;
    EXPECT_OK(ReadAuditLog(
        log, [&](const AuditRecord& record, std::string_view) { return records.push_back(record), true; }));
    return records;
  }

  testing::TempFolder folder;
  const RouteFile file = ParseRouteFile(kFile, "/h/shop.yaml").value();
  const Path log = StateFiles(folder.path()).audit;
};

TEST(LearningAdmin, ANewLabelIsRecordedUnderTheRequestOfItsMessage) {
  Reviewed reviewed;
  const std::vector<int64_t> accepted = {1}, relabelled = {3, 2, 2};
  ASSERT_OK(ReviewCandidates(reviewed.file, reviewed.folder.path(), accepted, Verdict::kAccepted));
  ASSERT_OK(ReviewCandidates(reviewed.file, reviewed.folder.path(), relabelled, Verdict::kRelabelled, "refund"));
  ASSERT_OK(ReviewCandidates(reviewed.file, reviewed.folder.path(), std::span(relabelled).first(1),
                             Verdict::kRelabelled, "oos"));
  const std::vector<AuditRecord> records = reviewed.Records();
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].outcome, "reviewed");
  EXPECT_EQ(records[0].request_id, "learning-1");
  EXPECT_EQ(records[0].problem, "accepted: 1");
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(records[i].decision, kLearningDecision);
    EXPECT_EQ(records[i].source, "person");
    EXPECT_EQ(records[i].outcome, "relabelled");
  }
  EXPECT_EQ(records[1].request_id, "req-2");
  EXPECT_EQ(records[1].route, "refund");
  EXPECT_EQ(records[1].problem, "candidate 2 was \"hours\", as the teacher said, and is \"refund\" now");
  EXPECT_EQ(records[2].request_id, "req-3");
  EXPECT_EQ(records[2].problem, "candidate 3 had no label, and is \"refund\" now");
  EXPECT_EQ(records[3].route, "oos");
  EXPECT_EQ(records[3].problem, "candidate 3 was \"refund\", as a person said, and is \"oos\" now");
  const std::string why = ExplainDecision(records[1]);
  EXPECT_NE(why.find("Request req-2 was noted"), std::string::npos) << why;
  EXPECT_NE(why.find("A person relabelled: candidate 2 was \"hours\", as the teacher said, and is \"refund\" now."),
            std::string::npos)
      << why;
  EXPECT_EQ(Slurp(reviewed.log).find("parcel"), std::string::npos) << "no text";
  EXPECT_FALSE(VerifyAuditLog(reviewed.log)->first_bad_line);
  EXPECT_EQ(reviewed.Records().size(), 4u) << "once";
}

TEST(LearningAdmin, ANewLabelIsAPersonsWordWhenTheLogIsReadAgain) {
  Reviewed reviewed;
  {
    ASSERT_OK_AND_ASSIGN(const auto log, AuditLog::Open(reviewed.log, false));
    for (const char* id : {"req-1", "req-2"}) {
      AuditRecord said;
      said.request_id = id;
      said.decision = "answer";
      said.source = "local model";
      said.question = fmt::format("where is parcel {}", id);
      said.question_sha256 = Sha256Hex(said.question);
      said.nearest = {{"opening hours", "hours", 0.5f}};
      ASSERT_OK(log->Append(said));
      AuditRecord label;
      label.request_id = id;
      label.decision = kLabelDecision;
      label.source = "teacher";
      label.route = "hours";
      label.question_sha256 = said.question_sha256;
      ASSERT_OK(log->Append(label));
    }
  }
  const std::vector<int64_t> second = {2};
  ASSERT_OK(ReviewCandidates(reviewed.file, reviewed.folder.path(), second, Verdict::kRelabelled, "refund"));
  ASSERT_OK(RecordLearning(reviewed.file, reviewed.folder.path()));
  ASSERT_OK_AND_ASSIGN(const LoggedMessages read, ReadLoggedMessages(reviewed.log, {}));
  ASSERT_EQ(read.messages.size(), 2u);
  EXPECT_EQ(read.messages[0].right_route, "hours");
  EXPECT_EQ(read.messages[1].right_route, "refund");
}

}  // namespace
}  // namespace bantam
