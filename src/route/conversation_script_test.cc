// Plays the scripts of testdata/conversations. Adding a conversation is adding text.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "route/testing/desk.h"

namespace bantam {
namespace {

using testing::Desk;

const Path kFolder = "src/route/testdata/conversations";

struct Line {
  char mark = 0;  // > < = @ !
  std::string text;
  int number = 0;
};
struct Script {
  std::string name;
  std::vector<Line> lines;
};

std::vector<Script> ReadScripts(const Path& path) {
  std::ifstream in(path);
  std::vector<Script> scripts;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.starts_with("=== ")) {
      scripts.push_back({line.substr(4), {}});
    } else if (line.size() > 2 && line[1] == ' ' && std::string_view("><=@!").find(line[0]) != std::string_view::npos) {
      scripts.back().lines.push_back({line[0], line.substr(2), number});
    } else {
      EXPECT_TRUE(line.empty()) << path << ":" << number << ": what is this? " << line;
    }
  }
  return scripts;
}

std::string OneLine(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n') {
      out += text[i];
    } else if (!out.ends_with(" / ")) {
      out += " / ";
    }
  }
  return out;
}

std::string Value(const AssistantAnswer& answer, const std::string& key) {
  const auto or_dash = [](std::string text) { return text.empty() ? "-" : text; };
  if (key == "route") return or_dash(answer.route);
  if (key == "decision") return std::string(DecisionKindName(answer.decision));
  if (key == "source")
    return answer.source == AnswerSource::kLocalModel ? "local_model" : std::string(AnswerSourceName(answer.source));
  if (key == "slot") return or_dash(answer.form ? answer.form->asked : "");
  if (key == "state") return or_dash(answer.form ? answer.form->state : "");
  return "no such key: " + key;
}

// Plays a script; the answers in order.
std::vector<std::string> Play(const Script& script, const Path& path, bool with_session) {
  Desk desk;
  std::vector<std::string> answers;
  std::vector<ChatMessage> history;
  AssistantAnswer answer;
  for (const Line& line : script.lines) {
    SCOPED_TRACE(fmt::format("{}:{} ({}): {}", path.string(), line.number, with_session ? "session" : "messages",
                             OneLine(answer.text)));
    switch (line.mark) {
      case '>': {
        AssistantRequest request = Desk::Ask(line.text, with_session ? "s1" : "");
        if (!with_session) {
          history.push_back({"user", line.text});
          request.messages = history;
          request.messages.insert(request.messages.begin(), {"system", "Be kind."});
        }
        answer = desk.Send(request);
        history.push_back({"assistant", answer.text});
        answers.push_back(answer.text);
        EXPECT_FALSE(answer.text.empty());
        break;
      }
      case '<':
        EXPECT_NE(OneLine(answer.text).find(line.text), std::string::npos) << line.text;
        break;
      case '=':
        EXPECT_EQ(OneLine(answer.text), line.text);
        break;
      case '@': {
        std::istringstream words(line.text);
        for (std::string word; words >> word;) {
          const size_t equals = word.find('=');
          EXPECT_EQ(Value(answer, word.substr(0, equals)), word.substr(equals + 1)) << word;
        }
        break;
      }
      default: {
        const size_t space = line.text.find(' ');
        const std::string what = line.text.substr(0, space), value = line.text.substr(space + 1);
        if (what == "service") {
          desk.service.mode = value;
        } else if (what == "calls") {
          EXPECT_EQ(std::to_string(desk.service.requests.size()), value);
        } else {
          EXPECT_EQ(what, "body");
          EXPECT_EQ(desk.service.requests.empty() ? "" : desk.service.requests.back().body, value);
        }
      }
    }
  }
  return answers;
}

TEST(ConversationScripts, GiveTheExpectedAnswersWithASessionAndWithout) {
  int played = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() != ".route") continue;
    for (const Script& script : ReadScripts(entry.path())) {
      SCOPED_TRACE(script.name);
      const std::vector<std::string> by_session = Play(script, entry.path(), true);
      const std::vector<std::string> by_messages = Play(script, entry.path(), false);
      EXPECT_EQ(by_session, by_messages);
      ++played;
    }
  }
  EXPECT_GE(played, 17);
}

}  // namespace
}  // namespace bantam
