#include "route/route_file.h"

#include <fstream>
#include <map>

#include "base/testing.h"
#include "route/actions/action.h"
#include "route/forms/slot_values.h"

namespace bantam {
namespace {

using testing::TempFolder;

const Path kFolder = "src/route/testdata/route_files";

std::vector<std::string> LinesOf(const Path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct Case {
  std::string name, text;
  std::vector<std::string> errors, warnings;
  bool compare_warnings = false;
};

std::string Replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::map<std::string, std::string> ReadParts() {
  std::map<std::string, std::string> parts;
  std::string name;
  for (const std::string& line : LinesOf(kFolder / "parts.txt")) {
    if (line.starts_with("=== ")) {
      name = line.substr(4);
    } else {
      parts[name] += line + "\n";
    }
  }
  return parts;
}

std::vector<Case> ReadCases(const Path& path) {
  const std::map<std::string, std::string> parts = ReadParts();
  std::vector<Case> cases;
  enum { kText, kErrors, kWarnings } where = kText;
  std::string appended;
  for (const std::string& line : LinesOf(path)) {
    if (line.starts_with("=== ")) {
      cases.push_back({line.substr(4), "", {}, {}, false});
      appended.clear();
      where = kText;
    } else if (where == kText && line.starts_with("+ ")) {
      std::istringstream names(line.substr(2));
      for (std::string name; names >> name;) appended += parts.at(name);
    } else if (line == "--- errors") {
      cases.back().text += appended;
      where = kErrors;
    } else if (line == "--- warnings") {
      cases.back().compare_warnings = true;
      where = kWarnings;
    } else if (where == kText) {
      cases.back().text += Replaced(line, "@TAB@", "\t") + "\n";
    } else if (!line.empty()) {
      (where == kErrors ? cases.back().errors : cases.back().warnings).push_back(line);
    }
  }
  return cases;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

class RouteFileErrors : public ::testing::TestWithParam<std::string> {};

TEST_P(RouteFileErrors, AreTheExpectedOnes) {
  const std::vector<Case> cases = ReadCases(kFolder / (GetParam() + ".txt"));
  ASSERT_GE(cases.size(), 4u);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    TempFolder folder;
    const Path path = folder / "f.yaml";
    ASSERT_OK(WriteFileAtomic(path, c.text));
    const auto shorten = [&](std::string text) {
      return Replaced(Replaced(std::move(text), path.string() + ":", ""), folder.path().string(), "@FOLDER@");
    };
    const Result<RouteFile> file = LoadRouteFile(path);
    if (file) {
      EXPECT_EQ(Joined(c.errors), "");
      if (c.compare_warnings) {
        std::string warnings;
        for (const std::string& warning : file->warnings) warnings += shorten(warning) + "\n";
        EXPECT_EQ(warnings, Joined(c.warnings));
      }
    } else {
      EXPECT_EQ(file.error().code, ErrorCode::kBadConfig);
      EXPECT_EQ(shorten(file.error().message) + "\n", Joined(c.errors));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, RouteFileErrors,
                         ::testing::Values("syntax", "settings", "routes", "forms", "upstreams", "learning"),
                         [](const auto& param) { return param.param; });

TEST(RouteFile, MissingFileSaysHowToNameOne) {
  const Result<RouteFile> file = LoadRouteFile("nowhere/bantam.yaml");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::kBadConfig);
  EXPECT_NE(file.error().message.find("nowhere/bantam.yaml"), std::string::npos) << file.error().message;
  EXPECT_NE(file.error().message.find("-c FILE"), std::string::npos) << file.error().message;
}

TEST(RouteFile, EverythingIsRead) {
  TempFolder folder;
  ASSERT_OK(WriteFileAtomic(folder / "data/refund.jsonl",
                            "{\"text\": \"money back\"}\n\n{\"text\": \"i want a refund\", \"label\": \"x\"}\n"));
  ASSERT_EQ(::setenv("BANTAM_TEST_KEY", "s3cret", 1), 0);
  ASSERT_OK(WriteFileAtomic(folder / "f.yaml", R"(
version: 1
name: desk
encoder: {model: other-model, dtype: f32}
model_list:
  - model_name: big
    params: {model: openai/gpt-4o-mini, api_base: "https://api.example/v1/", api_key: os.environ/BANTAM_TEST_KEY, idle_timeout: 500ms}
    cost: {input_per_1m: 0.15, output_per_1m: 0.6}
  - model_name: local
    params: {model: meta-llama/Llama-3, api_base: "http://127.0.0.1:1/v1", timeout: 3s}
routes:
  - name: refund
    description: Where is my refund?
    utterances: [where is my refund]
    examples_file: data/refund.jsonl
    confidence_threshold: 0.75
    action: {type: form, form: f}
  - {name: legal, utterances: [i sue you], action: {type: escalate, model: local}}
decision: {confidence_threshold: 0.4, nlu_fallback: big}
forms:
  f:
    slots:
      amount: {type: number, min: 1, max: 2.5, integer: true, unit: pounds, optional: true, prompt: "How much?", error: "No."}
      why: {type: choice, choices: {broken: [defect, "does not work"], late: }}
    confirm: "{amount}?"
    submit: {type: http, url: "http://h/x", timeout: 2s}
responses: {utter_unsure: "I'm not sure. {nearest}"}
router_settings: {num_retries: 3, timeout: 7s, early_exit: {max_disagreement: 0.3%}}
cache: {mode: none, ttl: 1d, max_entries: 9}
audit: {content: text, key_file: keys/audit.key, retention: 90d}
session: {ttl: 1.5h}
out_of_scope: {utterances: [who are you]}
tests:
  - {say: "refund!", expect: {route: refund, decision: form, slot: why, text: "Which"}}
  - conversation: [{say: a}, {say: b, expect: {decision: unsure}}]
)"));
  ASSERT_OK_AND_ASSIGN(const RouteFile file, LoadRouteFile(folder / "f.yaml"));
  EXPECT_EQ(file.name, "desk");
  EXPECT_EQ(file.encoder_model, "other-model");
  EXPECT_EQ(file.encoder_dtype, "f32");
  EXPECT_DOUBLE_EQ(file.max_disagreement, 0.003);
  ASSERT_EQ(file.upstreams.size(), 2u);
  const UpstreamConfig& big = file.upstreams[0];
  EXPECT_EQ(big.model, "openai/gpt-4o-mini");
  EXPECT_EQ(big.api_base, "https://api.example/v1");
  EXPECT_EQ(big.api_key, "s3cret");
  EXPECT_EQ(big.timeout, std::chrono::seconds(7));
  EXPECT_EQ(big.idle_timeout, std::chrono::milliseconds(500));
  EXPECT_EQ(big.num_retries, 3);
  EXPECT_DOUBLE_EQ(big.output_per_1m, 0.6);
  EXPECT_EQ(file.FindUpstream("local")->model, "meta-llama/Llama-3");
  EXPECT_EQ(file.FindUpstream("local")->timeout, std::chrono::seconds(3));
  EXPECT_TRUE(file.disabled_upstreams.empty());
  const Route* refund = file.FindRoute("refund");
  ASSERT_NE(refund, nullptr);
  EXPECT_EQ(refund->utterances, (std::vector<std::string>{"where is my refund", "money back", "i want a refund"}));
  EXPECT_EQ(refund->confidence_threshold, 0.75);
  EXPECT_EQ(refund->action->Describe(), "form f");
  EXPECT_EQ(refund->line, 12);
  EXPECT_EQ(file.FindRoute("legal")->action->Describe(), "escalate to local");
  EXPECT_EQ(file.confidence_threshold, 0.4);
  EXPECT_EQ(file.fallback_upstream, "big");
  const Form& form = file.forms.at("f");
  const Slot* amount = form.FindSlot("amount");
  EXPECT_EQ(amount->type, Slot::Type::kNumber);
  EXPECT_EQ(amount->maximum, 2.5);
  EXPECT_TRUE(amount->integer && amount->optional);
  EXPECT_EQ(amount->unit, "pounds");
  EXPECT_EQ(form.FindSlot("why")->choices.size(), 2u);
  EXPECT_EQ(form.FindSlot("why")->prompt, "Which why: broken or late?");
  EXPECT_EQ(form.submit.method, "POST");
  EXPECT_EQ(form.submit.timeout, std::chrono::seconds(2));
  EXPECT_EQ(form.done, "Done.");
  EXPECT_EQ(file.responses.at("utter_unsure"), "I'm not sure. {nearest}");
  EXPECT_FALSE(file.cache_enabled);
  EXPECT_EQ(file.cache.ttl, std::chrono::hours(24));
  EXPECT_EQ(file.cache.max_entries, 9u);
  EXPECT_TRUE(file.audit_texts);
  EXPECT_EQ(file.audit_key_file, folder / "keys/audit.key");
  EXPECT_EQ(file.audit_retention, std::chrono::hours(24 * 90));
  EXPECT_EQ(file.session_ttl, std::chrono::minutes(90));
  EXPECT_EQ(file.out_of_scope, std::vector<std::string>{"who are you"});
  ASSERT_EQ(file.tests.size(), 2u);
  EXPECT_EQ(file.tests[0].turns[0].expect.slot, "why");
  EXPECT_EQ(file.tests[1].turns[1].expect.decision, "unsure");
  EXPECT_FALSE(file.tests[1].turns[0].expect.route.has_value());
}

TEST(RouteFile, TheSemanticCache) {
  TempFolder folder;
  const auto parse = [&](std::string_view cache) {
    const std::string yaml = ReadFile("src/route/testdata/conversations/desk.yaml").value() + std::string(cache);
    return ParseRouteFile(yaml, "desk.yaml");
  };
  ASSERT_OK_AND_ASSIGN(const RouteFile plain, parse("cache: {mode: exact_then_semantic}"));
  ASSERT_TRUE(plain.semantic_cache);
  EXPECT_EQ(plain.semantic_cache->audit_rate, 0.01);
  EXPECT_TRUE(plain.semantic_cache->pairs.Has(PairCheck::kNegation));
  EXPECT_FALSE(plain.semantic_cache->pairs.Has(PairCheck::kCrossEncoder));
  EXPECT_EQ(plain.cache_scope, CacheScope::kTenant);
  ASSERT_OK_AND_ASSIGN(const RouteFile full, parse(R"(
cache: {mode: exact_then_semantic, scope: user, similarity: 0.8, verify: [numbers, words], cross_encoder: {model: ./ce, min_score: 0.7},
        max_wrong_hit: 0.02, audit_rate: 0.05, audit_similarity: 1, cache_epoch: "2026-11"}
)"));
  EXPECT_EQ(full.cache_scope, CacheScope::kUser);
  EXPECT_EQ(full.cache.epoch, "2026-11");
  EXPECT_EQ(full.semantic_cache->pairs.similarity, 0.8);
  EXPECT_FALSE(full.semantic_cache->pairs.Has(PairCheck::kNegation));
  EXPECT_TRUE(full.semantic_cache->pairs.Has(PairCheck::kCrossEncoder));
  EXPECT_EQ(full.semantic_cache->cross_encoder.model, "./ce");
  ASSERT_OK_AND_ASSIGN(const RouteFile none, parse("cache: {scope: none}"));
  EXPECT_FALSE(none.cache_enabled);
  const auto problem = [&](std::string_view cache) {
    const auto file = parse(cache);
    return file ? std::string("none") : file.error().message;
  };
  EXPECT_NE(problem("cache: {mode: exact_then_semantic, verify: [colours]}")
                .find("\"verify\" has no check \"colours\"; there are numbers, units"),
            std::string::npos);
  EXPECT_NE(problem("cache: {mode: exact_then_semantic, verify: [cross_encoder]}").find("none is named"),
            std::string::npos);
  EXPECT_NE(problem("cache: {mode: exact, similarity: 0.9}").find("mode: exact"), std::string::npos);
  EXPECT_NE(problem("cache: {mode: semantic}"), "none");
}

// The hash is part of every cache key, so it must change with anything that was read, and only then.
TEST(RouteFile, HashCoversTheExamplesFiles) {
  TempFolder folder;
  const std::string yaml =
      "version: 1\nname: d\nroutes:\n  - {name: a, examples_file: a.jsonl, action: {type: escalate}}\n"
      "  - {name: b, examples_file: b.jsonl, action: {type: escalate}}\n";
  const auto hash_of = [&](std::string_view a, std::string_view b) -> std::string {
    EXPECT_OK(WriteFileAtomic(folder / "f.yaml", yaml));
    EXPECT_OK(WriteFileAtomic(folder / "a.jsonl", a));
    EXPECT_OK(WriteFileAtomic(folder / "b.jsonl", b));
    const Result<RouteFile> file = LoadRouteFile(folder / "f.yaml");
    EXPECT_OK(file);
    return file ? file->sha256 : std::string();
  };
  const std::string x = "{\"text\": \"x\"}\n", y = "{\"text\": \"y\"}\n";
  const std::string first = hash_of(x, y);
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(hash_of(x, y), first);
  EXPECT_NE(hash_of(y, x), first);
  EXPECT_NE(hash_of(x + y, y), hash_of(x, y + y));
}

TEST(RouteFile, AnErrorBudgetIsRead) {
  TempFolder folder;
  const auto load = [&](std::string_view decision, std::string_view calibration) {
    EXPECT_OK(WriteFileAtomic(folder / "held_out.jsonl", calibration));
    EXPECT_OK(WriteFileAtomic(
        folder / "f.yaml",
        fmt::format("version: 1\nname: d\ndecision: {}\nroutes:\n"
                    "  - {{name: a, utterances: [Money back!], max_error: 0.01, action: {{type: escalate}}}}\n"
                    "  - {{name: b, utterances: [hi], action: {{type: escalate}}}}\n",
                    decision)));
    return LoadRouteFile(folder / "f.yaml");
  };
  const std::string good = "{\"text\": \"refund\", \"label\": \"a\"}\n{\"text\": \"a poem\", \"label\": \"oos\"}\n";
  const std::string decision = "{calibration_file: held_out.jsonl, delta: 0.1}";
  ASSERT_OK_AND_ASSIGN(const RouteFile file, load(decision, good));
  ASSERT_TRUE(file.budget);
  EXPECT_EQ(file.budget->max_error, 0.02);
  EXPECT_EQ(file.budget->delta, 0.1);
  EXPECT_EQ(file.FindRoute("a")->max_error, 0.01);
  ASSERT_EQ(file.calibration.size(), 2u);
  EXPECT_EQ(file.calibration[1].label, "oos");
  ASSERT_TRUE(file.clarify) << "with an error budget people are asked, unless the file says off";
  EXPECT_EQ(file.clarify->max_options, 3);
  ASSERT_OK_AND_ASSIGN(const RouteFile other, load(decision, good + good));
  EXPECT_NE(other.sha256, file.sha256) << "the calibration file is part of every cache key";
  // A line that the head is trained on, or of a route that is not there, calibrates nothing.
  const auto problem = [&](std::string_view line) { return load(decision, line).error().message; };
  EXPECT_NE(problem("{\"text\": \"money back\", \"label\": \"a\"}\n")
                .find("f.yaml:3:30: held_out.jsonl: \"money back\" is "
                      "an example, too (line 5)"),
            std::string::npos)
      << problem("{\"text\": \"money back\", \"label\": \"a\"}\n");
  EXPECT_NE(problem("{\"text\": \"x\", \"label\": \"aa\"}\n").find("there is no route \"aa\""), std::string::npos);
  EXPECT_NE(problem("{\"text\": \"x\"}\n").find("held_out.jsonl:1"), std::string::npos);
  // Without a word about it the policy is a threshold.
  ASSERT_OK_AND_ASSIGN(const RouteFile plain,
                       ParseRouteFile("version: 1\nname: d\nroutes:\n"
                                      "  - {name: a, utterances: [x], action: {type: escalate}}\n"
                                      "  - {name: b, utterances: [y], action: {type: escalate}}\n",
                                      "f.yaml"));
  EXPECT_FALSE(plain.budget);
  EXPECT_FALSE(plain.clarify);
}

TEST(RouteFile, BrokenExamplesFileNamesItsLine) {
  TempFolder folder;
  ASSERT_OK(WriteFileAtomic(folder / "a.jsonl", "{\"text\": \"x\"}\n{\"txt\": 1}\nnot json\n"));
  ASSERT_OK(WriteFileAtomic(
      folder / "f.yaml",
      "version: 1\nname: d\nroutes:\n  - {name: a, examples_file: a.jsonl, action: {type: escalate}}\n"));
  const Result<RouteFile> file = LoadRouteFile(folder / "f.yaml");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("f.yaml:4:30: a.jsonl line 2: no \"text\"; write {\"text\": \"...\"}"),
            std::string::npos)
      << file.error().message;
  EXPECT_NE(file.error().message.find("a.jsonl line 3"), std::string::npos) << file.error().message;
}

}  // namespace
}  // namespace bantam
