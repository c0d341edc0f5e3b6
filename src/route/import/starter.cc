#include "route/import/starter.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/paths.h"
#include "base/text_util.h"

namespace bantam {
namespace {

constexpr size_t kMostTopics = 50, kMostTopicBytes = 60;

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string RouteNameOf(std::string_view topic) {
  std::string name = PlainRouteName(topic);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

std::string Capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text;
}

Status AddTopics(const std::vector<std::string>& topics, RouteFileDraft& draft) {
  if (topics.size() < 2 || topics.size() > kMostTopics) {
    return Err(ErrorCode::kInvalidArgument, "{} topic{}; name 2 to {}, with commas between: refunds, opening hours",
               topics.size(), topics.size() == 1 ? "" : "s", kMostTopics);
  }
  for (const std::string& topic : topics) {
    if (topic.size() > kMostTopicBytes)
      return Err(ErrorCode::kInvalidArgument, "the topic \"{}\" is long; give it in a few words",
                 EscapeForTerminal(topic, 60));
    const std::string name = RouteNameOf(topic);
    if (draft.FindRoute(name) != nullptr)
      return Err(ErrorCode::kInvalidArgument, "the topics have \"{}\" twice", EscapeForTerminal(topic, 60));
    RouteFileDraft::Route route{
        .name = name, .description = Capitalised(topic), .utterances = {}, .response = "utter_" + name, .comment = {}};
    for (const char* pattern :
         {"{}", "I have a question about {}", "can you help me with {}?", "what should I know about {}",
          "tell me about {}", "how does it work with {}", "{} please", "something about {}"}) {
      route.utterances.push_back(fmt::format(fmt::runtime(pattern), topic));
    }
    draft.responses.emplace_back(route.response, fmt::format("Write here what people should know about {}.", topic));
    draft.tests.push_back({fmt::format("I would like to ask about {}", topic), name});
    draft.routes.push_back(std::move(route));
  }
  return Ok();
}

Status AddModel(std::string_view answer, RouteFileDraft& draft) {
  RouteFileDraft::Model model;
  model.name = draft.name == "big" ? "large" : "big";
  if (answer.empty() || answer == "none") return Ok();
  if (answer == "openai") {
    model.model = "openai/gpt-4o-mini";
    model.api_base = "https://api.openai.com/v1";
    model.api_key = "os.environ/OPENAI_API_KEY";
  } else {
    const size_t space = answer.find(' ');
    if (!answer.starts_with("http") || space == std::string_view::npos) {
      return Err(
          ErrorCode::kInvalidArgument,
          "the large model is \"{}\"; say none, openai, or an address and a name: http://127.0.0.1:11434/v1 llama3.2",
          EscapeForTerminal(answer, 100));
    }
    model.api_base = answer.substr(0, space);
    model.model = Trimmed(answer.substr(space));
  }
  draft.fallback = model.name;
  draft.models.push_back(std::move(model));
  return Ok();
}

}  // namespace

std::vector<std::string> SplitTopics(std::string_view text) {
  std::vector<std::string> topics;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    if (const std::string_view topic = Trimmed(text.substr(0, end)); !topic.empty()) topics.emplace_back(topic);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return topics;
}

Result<RouteFileDraft> StarterRouteFile(const StarterAnswers& answers) {
  RouteFileDraft draft;
  draft.name = Trimmed(answers.name);
  BANTAM_RETURN_IF_ERROR(CheckPlainName("assistant", draft.name));
  draft.header = {"What this assistant knows and does. docs/howto/route-file.md explains every key.", "",
                  "  bantam check -c FILE         is it right?",
                  "  bantam route test -c FILE    do the tests at the end pass?",
                  "  bantam serve -c FILE         a server, and a page to try it"};
  BANTAM_RETURN_IF_ERROR(AddTopics(answers.topics, draft));
  if (draft.FindRoute("person") == nullptr) {
    draft.routes.push_back(
        {"person",
         "Talk to a person",
         {"I want to talk to a person", "can I speak to somebody?", "a human please", "get me an agent",
          "is there a real person here", "let me talk to someone", "call me back please"},
         "utter_person",
         ""});
    draft.responses.emplace_back("utter_person", "Write here how people reach you.");
    draft.tests.push_back({"I would rather speak to a human", "person"});
  }
  draft.out_of_scope = {"tell me a joke",
                        "who won the match yesterday",
                        "book a flight to Rome",
                        "is it going to rain tomorrow",
                        "write me a poem about spring",
                        "translate this sentence into French",
                        "what is the square root of 17",
                        "how do I bake bread"};
  draft.tests.push_back({"what is the capital of Peru", ""});
  BANTAM_RETURN_IF_ERROR(AddModel(Trimmed(answers.model), draft));
  draft.policy = "threshold";
  draft.comments = {
      {"model_list", "Who gets the questions that are not answered here."},
      {"routes",
       "Replace the utterances by what people really write: 15 to 25 for each route, in different words.\n"
       "Other actions: form, http, hand_over, escalate."},
      {"out_of_scope",
       "What people might ask as well, and shall not get an answer to from here. Near misses are worth most."},
      {"decision",
       "Once there are a few hundred examples, say how many answers may be wrong instead of a threshold:\n"
       "  policy: risk, max_error: 0.02"},
      {"tests", "Sentences that are no examples. `bantam route test` plays them."},
  };
  return draft;
}

}  // namespace bantam
