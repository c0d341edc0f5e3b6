// Where references lead, and which schemas apply to the same value.
#include <algorithm>
#include <charconv>

#include "base/text_util.h"
#include "text/grammar/schema_reader.h"

namespace bantam::grammar {
namespace {

std::string Unescape(std::string_view token) {  // of a JSON pointer within a URI
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    unsigned value = 0;
    if (token[i] == '%' && i + 2 < token.size() &&
        std::from_chars(token.data() + i + 1, token.data() + i + 3, value, 16).ptr == token.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += token[i];
    }
  }
  for (const auto& [from, to] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
    for (size_t at = 0; (at = out.find(from, at)) != std::string::npos; ++at) out.replace(at, 2, to);
  }
  return out;
}

}  // namespace

std::string EscapePointerToken(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return out;
}

Result<const json::value*> SchemaReader::Resolve(const json::value& from, std::string_view reference) {
  const std::string shown = EscapeForTerminal(reference, 100);
  if (const json::object* root = document_.if_object(); root != nullptr) {
    if (const json::value* id = root->if_contains("$id"); id != nullptr && id->is_string()) {
      const std::string_view own = id->get_string();
      if (!own.empty() && reference.starts_with(own) &&
          (reference.size() == own.size() || reference[own.size()] == '#'))
        reference.remove_prefix(own.size());
    }
  }
  if (reference.starts_with('#'))
    reference.remove_prefix(1);
  else if (!reference.empty()) {
    return Err(ErrorCode::kUnsupported, "{}: \"$ref\" to {}: only \"#...\", within the document, is followed",
               Where(from), shown);
  }
  if (!reference.empty() && reference.front() != '/') {
    if (!anchors_) {
      anchors_.emplace();
      std::vector<const json::value*> open{&document_};
      while (!open.empty()) {
        const json::value* value = open.back();
        open.pop_back();
        if (const json::array* array = value->if_array()) {
          for (const json::value& each : *array) open.push_back(&each);
        } else if (const json::object* object = value->if_object()) {
          for (const std::string_view key : {"$anchor", "$dynamicAnchor"}) {
            const json::value* anchor = object->if_contains(key);
            if (anchor == nullptr || !anchor->is_string()) continue;
            const auto [at, added] = anchors_->try_emplace(std::string(anchor->get_string()), value);
            if (!added && at->second != value) at->second = nullptr;
          }
          for (const auto& [key, each] : *object) open.push_back(&each);
        }
      }
    }
    const auto at = anchors_->find(Unescape(reference));
    if (at == anchors_->end() || at->second == nullptr) {
      return Err(ErrorCode::kInvalidArgument, "{}: \"$ref\" to {}: no \"$anchor\" of that name, or several",
                 Where(from), shown);
    }
    PutAt(*at->second, document_, std::string(reference));
    return at->second;
  }
  const json::value* at = &document_;
  std::string pointer;
  while (!reference.empty()) {
    reference.remove_prefix(1);
    const size_t end = std::min(reference.find('/'), reference.size());
    const std::string key = Unescape(reference.substr(0, end));
    reference.remove_prefix(end);
    pointer += "/" + EscapePointerToken(key);
    const json::value* next = nullptr;
    if (const json::object* object = at->if_object()) {
      next = object->if_contains(key);
    } else if (const json::array* array = at->if_array()) {
      size_t index = 0;
      const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
      if (read.ec == std::errc() && read.ptr == key.data() + key.size() && index < array->size())
        next = &(*array)[index];
    }
    if (next == nullptr)
      return Err(ErrorCode::kInvalidArgument, "{}: \"$ref\" to {}: there is nothing", Where(from), shown);
    at = next;
    if (const json::object* object = at->if_object();
        object != nullptr && object->if_contains("$id") != nullptr && object->at("$id").is_string()) {
      return Err(ErrorCode::kUnsupported,
                 "{}: \"$ref\" to {}, into a schema with an \"$id\" of its own, is not followed", Where(from), shown);
    }
  }
  PutAt(*at, document_, std::move(pointer));
  return at;
}

// The schemas that a schema applies to the same value.
Result<std::vector<const json::value*>> SchemaReader::InPlace(const json::value& schema) {
  std::vector<const json::value*> out;
  const json::object* object = schema.if_object();
  if (object == nullptr) return out;
  for (const std::string_view key : {"allOf", "anyOf", "oneOf"}) {
    const json::value* value = object->if_contains(key);
    if (value == nullptr) continue;
    BANTAM_TRY(const json::array* const array, ArrayOf(schema, key, *value));
    if (!budget_.Spend(array->size() * 50)) return Budget::TooMuchWork();
    for (const json::value& each : *array) out.push_back(&each);
  }
  for (const std::string_view key : {"dependentSchemas", "dependencies"}) {
    const json::value* value = object->if_contains(key);
    if (value == nullptr) continue;
    BANTAM_TRY(const json::object* const members, ObjectOf(schema, key, *value));
    for (const auto& [name, each] : *members) {
      if (!each.is_array()) out.push_back(&each);
    }
  }
  for (const std::string_view key : {"not", "if", "then", "else"}) {
    const json::value* value = object->if_contains(key);
    if (value == nullptr || ((key == "then" || key == "else") && !object->contains("if"))) continue;
    PutAt(*value, schema, fmt::format("/{}", key));
    out.push_back(value);
  }
  for (const auto& [key, reference] : *object) {
    if (!IsReference(key)) continue;
    if (!reference.is_string())
      return Err(ErrorCode::kInvalidArgument, "{}: \"{}\" is no text", Where(schema), std::string_view(key));
    BANTAM_TRY(const json::value* const target, Resolve(schema, reference.get_string()));
    out.push_back(target);
  }
  return out;
}

// A schema that applies itself to the same value asks for nothing that could be found out.
Status SchemaReader::CheckEndless(const json::value& schema) {
  if (marks_.contains(&schema)) return Ok();
  struct Frame {
    const json::value* schema;
    std::vector<const json::value*> next;
  };
  BANTAM_TRY(std::vector<const json::value*> first, InPlace(schema));
  std::vector<Frame> path;
  path.push_back({&schema, std::move(first)});
  marks_[&schema] = Mark::kOpen;
  while (!path.empty()) {
    Frame& frame = path.back();
    if (frame.next.empty()) {
      marks_[frame.schema] = Mark::kDone;
      path.pop_back();
      continue;
    }
    const json::value* next = frame.next.back();
    frame.next.pop_back();
    const auto at = marks_.find(next);
    if (at != marks_.end()) {
      if (at->second == Mark::kDone) continue;
      return Err(ErrorCode::kInvalidArgument, "{}: leads back to itself by \"$ref\" without an end", Where(*next));
    }
    BANTAM_TRY(std::vector<const json::value*> follow, InPlace(*next));
    marks_[next] = Mark::kOpen;
    path.push_back({next, std::move(follow)});
  }
  return Ok();
}

}  // namespace bantam::grammar
