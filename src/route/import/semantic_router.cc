// Aurelio's semantic-router: {"encoder_type", "encoder_name", "routes": [{"name", "utterances", "description", ...}]}
#include "base/json.h"
#include "base/text_util.h"
#include "route/import/import.h"

namespace bantam {
namespace {

void ReadRoute(const YamlNode& node, ImportReader& reader) {
  static constexpr std::string_view kKnown[] = {"name", "utterances", "description", "score_threshold"};
  const std::string name = TextAt(node, "name");
  if (name.empty()) return reader.Lose(node.place, "a route without a name cannot be read");
  RouteFileDraft::Route route{.name = PlainRouteName(name),
                              .description = TextAt(node, "description"),
                              .utterances = {},
                              .response = {},
                              .comment = {}};
  if (route.name != name) route.comment = fmt::format("was called {}", QuoteJson(name));
  if (reader.draft().FindRoute(route.name) != nullptr)
    return reader.Lose(node.place, "there is another route \"{}\"", EscapeForTerminal(route.name, 60));
  if (const YamlNode::Entry* utterances = node.Find("utterances")) {
    for (const YamlNode& utterance : utterances->value.items) {
      if (utterance.kind == YamlNode::Kind::kScalar) {
        route.utterances.push_back(utterance.scalar);
      } else {
        reader.Lose(utterance.place, "an utterance that is no text");
      }
    }
  }
  if (route.utterances.empty())
    return reader.Lose(node.place, "the route \"{}\" has no utterances", EscapeForTerminal(name, 60));
  if (const std::string threshold = TextAt(node, "score_threshold"); !threshold.empty()) {
    reader.Lose(
        node.Find("score_threshold")->key_place,
        "\"score_threshold\" {} of route \"{}\" is a similarity; thresholds here are probabilities, and the head "
        "finds its own",
        EscapeForTerminal(threshold, 20), EscapeForTerminal(name, 60));
  }
  reader.LoseOthers(node, kKnown, fmt::format(" of route \"{}\"", EscapeForTerminal(name, 60)));
  if (route.comment.empty()) route.comment = "nothing says what to do: respond, form, http, hand_over or escalate?";
  reader.draft().routes.push_back(std::move(route));
}

// Encoders that run here by their own name; services have none.
void ReadEncoder(ImportReader& reader) {
  const YamlNode& root = reader.root();
  const std::string type = TextAt(root, "encoder_type"), name = TextAt(root, "encoder_name");
  if (type.empty() && name.empty()) return;
  if (type == "huggingface" || type == "fastembed" || type == "local") {
    const size_t slash = name.rfind('/');
    reader.draft().encoder = slash == std::string::npos ? name : name.substr(slash + 1);
    if (slash != std::string::npos)
      reader.draft().encoder_comment = fmt::format("fetch it with: bantam pull hf.co/{}", name);
    return;
  }
  const YamlNode::Entry* entry = root.Find("encoder_type");
  reader.Lose(entry == nullptr ? root.place : entry->key_place,
              "the encoder \"{}\" of type \"{}\" does not run here; all-MiniLM-L6-v2 would read the texts",
              EscapeForTerminal(name, 60), EscapeForTerminal(type, 30));
}

}  // namespace

void ReadSemanticRouter(std::span<ImportReader> files) {
  static constexpr std::string_view kKnown[] = {"encoder_type", "encoder_name", "routes"};
  for (ImportReader& reader : files) {
    ReadEncoder(reader);
    if (const YamlNode::Entry* routes = reader.root().Find("routes")) {
      for (const YamlNode& route : routes->value.items) ReadRoute(route, reader);
    }
    reader.LoseOthers(reader.root(), kKnown, "");
  }
}

}  // namespace bantam
