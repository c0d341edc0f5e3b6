#include "base/paths.h"
#include "base/text_util.h"
#include "route/placeholders.h"
#include "route/route_file_reader.h"
#include "route/suggest.h"

namespace bantam {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void ReadResponses(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* node = top.Map("responses");
  if (node == nullptr) return;
  for (const YamlNode::Entry& entry : node->entries) {
    if (!CheckName("a response", entry.key, entry.key_place, reading.problems)) continue;
    reading.response_places[entry.key] = entry.key_place;
    std::string text;
    YamlPlace place = entry.value.place;
    if (entry.value.kind == YamlNode::Kind::kScalar) {
      text = entry.value.scalar;  // `utter_hours: "We are open ..."` is short for {text: ...}
    } else {
      YamlMap map(entry.value, fmt::format("response \"{}\"", entry.key), reading.problems);
      text = map.RequiredText("text", "give the text to say");
      place = map.PlaceOf("text");
      map.Finish();
    }
    const std::string_view filled = entry.key == "utter_clarify" ? "options" : "nearest";
    const std::vector<std::string> holes = SlotPlaceholders(text);
    for (const std::string& word : holes) {
      if (word != filled) {
        reading.problems.Warning(place,
                                 "{{{}}} in response \"{}\" is printed as it stands; only {{{}}} is filled in here",
                                 word, entry.key, filled);
      }
    }
    if (filled == "options" && holes.empty()) {
      reading.problems.Error(place, "\"utter_clarify\" offers nothing; write {{options}} where the routes shall stand");
    }
    reading.file.responses[entry.key] = std::move(text);
  }
}

// What is said when no large model could be asked.
void ReadOffline(YamlMap& top, RouteFileReading& reading) {
  const std::string offline = top.OneOf("offline", {"degrade", "refuse", "queue"}, "degrade");
  if (offline == "refuse") reading.file.offline = OfflineRule::kRefuse;
  if (offline == "queue") reading.file.offline = OfflineRule::kQueue;
}

void ReadAudit(YamlMap& top, RouteFileReading& reading) {
  const YamlNode* node = top.Map("audit");
  if (node == nullptr) return;
  RouteFile& file = reading.file;
  YamlMap map(*node, "\"audit\"", reading.problems);
  file.audit_texts = map.OneOf("content", {"hash", "text"}, "hash") == "text";
  if (const std::string name = map.Text("key_file"); !name.empty()) {
    file.audit_key_file = file.path.parent_path() / name;
    const YamlPlace place = map.PlaceOf("key_file");
    file.audit_key_line = place.line;
    file.audit_key_column = place.column;
    if (!file.audit_texts) {
      reading.problems.Error(place,
                             "\"key_file\" encrypts texts, and none are kept; write content: text, or remove it");
    }
  }
  file.audit_retention = map.Duration("retention", milliseconds(0), hours(1), hours(24 * 3650));
  map.Finish();
}

}  // namespace

void ReadSettings(YamlMap& top, RouteFileReading& reading) {
  RouteFile& file = reading.file;
  Problems& problems = reading.problems;
  if (const YamlNode::Entry* version = top.Find("version")) {
    if (version->value.kind == YamlNode::Kind::kScalar && version->value.scalar == "1" && !version->value.plain) {
      problems.Error(version->value.place, "\"version\" is the text \"1\"; remove the quotes: version: 1");
    } else if (version->value.kind != YamlNode::Kind::kScalar || version->value.scalar != "1") {
      problems.Error(version->value.place, "\"version\" is {}; this program reads version 1",
                     version->value.kind == YamlNode::Kind::kScalar
                         ? fmt::format("\"{}\"", EscapeForTerminal(version->value.scalar, 20))
                         : std::string(YamlKindName(version->value.kind)));
    }
  } else if (!top.HasKeyLike("version")) {  // that one gets a "did you mean"
    problems.Error(top.place(), "the route file has no \"version\"; begin it with: version: 1");
  }

  file.name = top.RequiredText("name", "give the name that clients ask for, as in: name: helpdesk");
  file.name_line = top.PlaceOf("name").line;
  file.name_column = top.PlaceOf("name").column;
  if (!file.name.empty()) {
    if (const Status good = CheckPlainName("assistant", file.name); !good) {
      problems.Error(top.PlaceOf("name"),
                     "\"name\" cannot be \"{}\"; use letters, digits, '.', '_' and '-', at most 64 of them",
                     EscapeForTerminal(file.name, 60));
    }
  }
  if (const YamlNode* node = top.Map("encoder")) {
    YamlMap map(*node, "\"encoder\"", problems);
    file.encoder_model = map.Text("model", file.encoder_model);
    const YamlPlace place = map.PlaceOf("model");
    file.encoder_line = place.line;
    file.encoder_column = place.column;
    file.encoder_dtype = map.OneOf("dtype", {"int8", "f32", "int4"}, file.encoder_dtype);
    map.Finish();
  }
  ReadOffline(top, reading);
  ReadResponses(top, reading);
  ReadAudit(top, reading);
  if (const YamlNode* node = top.Map("session")) {
    YamlMap map(*node, "\"session\"", problems);
    file.session_ttl = std::chrono::duration_cast<seconds>(
        map.Duration("ttl", milliseconds(file.session_ttl), seconds(1), hours(24 * 30)));
    map.Finish();
  }
}

}  // namespace bantam
