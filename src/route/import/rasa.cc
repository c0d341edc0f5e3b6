// Rasa: intents with their examples (nlu), responses (domain), and the rules and two-step stories that answer an intent
// with a response. Forms, slots and actions in Python have no counterpart that could be made from these files.
#include <re2/re2.h>

#include <algorithm>
#include <set>

#include "base/text_util.h"
#include "route/import/import.h"
#include "route/placeholders.h"

namespace bantam {
namespace {

bool IsOutOfScope(std::string_view intent) { return intent == "out_of_scope" || intent == "nlu_fallback"; }

// "- hey\n- hello there"
std::vector<std::string> Lines(std::string_view block) {
  std::vector<std::string> lines;
  while (!block.empty()) {
    const size_t end = std::min(block.find('\n'), block.size());
    std::string_view line = block.substr(0, end);
    block.remove_prefix(std::min(end + 1, block.size()));
    const size_t dash = line.find_first_not_of(" \t");
    if (dash == std::string_view::npos || line[dash] != '-') continue;
    line.remove_prefix(dash + 1);
    const size_t first = line.find_first_not_of(" \t"), last = line.find_last_not_of(" \t\r");
    if (first != std::string_view::npos) lines.emplace_back(line.substr(first, last - first + 1));
  }
  return lines;
}

class RasaImport {
 public:
  explicit RasaImport(std::span<ImportReader> files) : files_(files), draft_(files.front().draft()) {}

  void Run() {
    for (ImportReader& file : files_) ReadNlu(file);
    for (ImportReader& file : files_) ReadResponses(file);
    for (ImportReader& file : files_) {
      ReadSteps(file, "rules", "rule");
      ReadSteps(file, "stories", "story");
      ReadTheRest(file);
    }
    for (RouteFileDraft::Route& route : draft_.routes) Finish(route);
  }

 private:
  void ReadNlu(ImportReader& file) {
    const YamlNode::Entry* nlu = file.root().Find("nlu");
    if (nlu == nullptr) return;
    for (const YamlNode& item : nlu->value.items) {
      if (item.Find("intent") != nullptr) {
        ReadIntent(item, file);
        continue;
      }
      for (const char* kind : {"synonym", "regex", "lookup"}) {
        if (const std::string name = TextAt(item, kind); !name.empty())
          file.Lose(item.place, "the {} \"{}\": entities are not read here", kind, EscapeForTerminal(name, 60));
      }
    }
  }

  void ReadIntent(const YamlNode& item, ImportReader& file) {
    const std::string intent = TextAt(item, "intent");
    std::vector<std::string> texts;
    if (const YamlNode::Entry* examples = item.Find("examples")) {
      if (examples->value.kind == YamlNode::Kind::kScalar) texts = Lines(examples->value.scalar);
      for (const YamlNode& example : examples->value.items) {
        for (std::string& line : Lines("- " + TextAt(example, "text"))) texts.push_back(std::move(line));
        static constexpr std::string_view kKnown[] = {"text"};
        file.LoseOthers(example, kKnown, " of an example");
      }
    }
    // [Berlin](city), [Berlin]{"entity": "city"}
    static const RE2 kEntity(R"(\[([^\]\[]+)\](?:\([^)]*\)|\{[^}]*\}))");
    int annotated = 0;
    for (std::string& text : texts) annotated += RE2::GlobalReplace(&text, kEntity, R"(\1)");
    if (annotated > 0) {
      file.Lose(item.place, "{} entities in the examples of \"{}\": their words stay, that they are entities does not",
                annotated, EscapeForTerminal(intent, 60));
    }
    if (IsOutOfScope(intent)) {
      draft_.out_of_scope.insert(draft_.out_of_scope.end(), texts.begin(), texts.end());
      return;
    }
    if (texts.empty()) return file.Lose(item.place, "the intent \"{}\" has no examples", EscapeForTerminal(intent, 60));
    const std::string name = PlainRouteName(intent);
    if (RouteFileDraft::Route* before = draft_.FindRoute(name)) {  // Rasa joins what several files say of one intent
      before->utterances.insert(before->utterances.end(), texts.begin(), texts.end());
      return;
    }
    RouteFileDraft::Route route;
    route.name = name;
    route.utterances = std::move(texts);
    if (name != intent) route.comment = fmt::format("was called {}", QuoteJson(intent));
    draft_.routes.push_back(std::move(route));
  }

  void ReadResponses(ImportReader& file) {
    const YamlNode::Entry* responses = file.root().Find("responses");
    if (responses == nullptr) return;
    for (const YamlNode::Entry& response : responses->value.entries) {
      const std::string shown = EscapeForTerminal(response.key, 60), name = PlainRouteName(response.key);
      size_t taken = 0;
      for (const YamlNode& variation : response.value.items) {
        const std::string text = TextAt(variation, "text");
        if (text.empty() || variation.Find("condition") != nullptr || taken > 0) {
          file.Lose(variation.place, "a variation of \"{}\": a response is one text here", shown);
          continue;
        }
        ++taken;
        static constexpr std::string_view kKnown[] = {"text"};
        file.LoseOthers(variation, kKnown, fmt::format(" of \"{}\"", shown));
        for (const std::string& hole : SlotPlaceholders(text))
          file.Lose(variation.place, "\"{}\" holds the slot {{{}}}, which would be printed as it stands", shown, hole);
        if (!draft_.HasResponse(name)) draft_.responses.emplace_back(name, text);
      }
      if (taken == 0) file.Lose(response.key_place, "the response \"{}\" has no text without a condition", shown);
    }
  }

  // Exactly one intent and one utter_ action.
  void ReadSteps(ImportReader& file, std::string_view section, std::string_view word) {
    const YamlNode::Entry* list = file.root().Find(section);
    if (list == nullptr) return;
    for (const YamlNode& item : list->value.items) {
      const YamlNode::Entry* steps = item.Find("steps");
      const std::string name = EscapeForTerminal(TextAt(item, word), 60);
      std::string intent, action;
      if (steps != nullptr && steps->value.items.size() == 2) {
        intent = TextAt(steps->value.items[0], "intent");
        action = TextAt(steps->value.items[1], "action");
      }
      if (IsOutOfScope(intent) && draft_.HasResponse(PlainRouteName(action))) {
        draft_.responses.emplace_back("utter_unsure", TextOf(PlainRouteName(action)));
        continue;
      }
      RouteFileDraft::Route* route = draft_.FindRoute(PlainRouteName(intent));
      const std::string response = PlainRouteName(action);
      if (intent.empty() || !action.starts_with("utter_") || item.entries.size() != 2) {
        file.Lose(item.place, "the {} \"{}\" is not one intent answered with one response", word, name);
      } else if (route == nullptr || !draft_.HasResponse(response)) {
        file.Lose(item.place, "the {} \"{}\": there is no {} \"{}\" in these files", word, name,
                  route == nullptr ? "intent" : "response", EscapeForTerminal(route == nullptr ? intent : action, 60));
      } else if (!route->response.empty() && route->response != response) {
        file.Lose(item.place, "the {} \"{}\": the intent \"{}\" is answered with \"{}\" already", word, name,
                  EscapeForTerminal(intent, 60), route->response);
      } else {
        route->response = response;
      }
    }
  }

  void ReadTheRest(ImportReader& file) {
    static constexpr std::string_view kKnown[] = {"version", "nlu",     "responses",      "rules",
                                                  "stories", "intents", "session_config", "actions"};
    const YamlNode& root = file.root();
    if (const YamlNode::Entry* intents = root.Find("intents")) {
      for (const YamlNode& intent : intents->value.items) {
        const std::string name = intent.kind == YamlNode::Kind::kScalar ? intent.scalar
                                 : intent.entries.empty()               ? std::string()
                                                                        : intent.entries[0].key;
        if (!name.empty() && !IsOutOfScope(name) && draft_.FindRoute(PlainRouteName(name)) == nullptr &&
            !IsRetrieval(name))
          file.Lose(intent.place, "the intent \"{}\" has no examples in these files", EscapeForTerminal(name, 60));
      }
    }
    if (const YamlNode::Entry* actions = root.Find("actions")) {
      for (const YamlNode& action : actions->value.items) {
        if (action.kind == YamlNode::Kind::kScalar && !action.scalar.starts_with("utter_"))
          file.Lose(action.place, "the action \"{}\": write it as an http or form action",
                    EscapeForTerminal(action.scalar, 60));
      }
    }
    if (const YamlNode::Entry* session = root.Find("session_config")) {
      const auto minutes = ParseStrictInteger(TextAt(session->value, "session_expiration_time"));
      if (minutes && *minutes > 0 && *minutes <= 24 * 60 * 30) draft_.session_ttl = fmt::format("{}m", *minutes);
    }
    file.LoseOthers(root, kKnown, "");
  }

  // chitchat, whose intents are chitchat/ask_name and so on.
  bool IsRetrieval(const std::string& intent) const {
    return std::ranges::any_of(draft_.routes,
                               [&](const auto& route) { return route.name.starts_with(PlainRouteName(intent) + "."); });
  }

  std::string TextOf(std::string_view response) const {
    return std::ranges::find_if(draft_.responses, [&](const auto& own) { return own.first == response; })->second;
  }

  // Retrieval intents are answered by the response of their name.
  void Finish(RouteFileDraft::Route& route) {
    if (route.response.empty() && draft_.HasResponse("utter_" + route.name)) route.response = "utter_" + route.name;
    if (!route.response.empty()) return;
    const std::string note = "nothing says what to answer: respond, form, http, hand_over or escalate?";
    route.comment = route.comment.empty() ? note : route.comment + "; " + note;
  }

  const std::span<ImportReader> files_;
  RouteFileDraft& draft_;
};

}  // namespace

void ReadRasa(std::span<ImportReader> files) { RasaImport(files).Run(); }

}  // namespace bantam
