#include "route/forms/entity_finder.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "route/route_file.h"
#include "route/suggest.h"
#include "tasks/code_points.h"
#include "tasks/tag.h"

namespace bantam {
namespace {

class TaggerFinder : public EntityFinder {
 public:
  explicit TaggerFinder(std::unique_ptr<Tagger> tagger) : tagger_(std::move(tagger)) {}

  Result<std::vector<FoundEntity>> Find(std::string_view text) const override {
    // The slots of a form ask about the same message one after the other.
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [known, entities] : latest_) {
        if (known == text) return entities;
      }
    }
    BANTAM_TRY(std::vector<FoundEntity> found, Read(text));
    const std::lock_guard lock(mutex_);
    latest_.emplace_front(text, found);
    if (latest_.size() > kMostKept) latest_.pop_back();
    return found;
  }

  // "PER" of "B-PER", each once.
  std::vector<std::string> labels() const {
    std::set<std::string> labels;
    for (const std::string& label : tagger_->labels()) {
      const bool marked = label.size() > 2 && label[1] == '-' && std::string_view("BIESLU").find(label[0]) < 6;
      if (label != "O") labels.insert(marked ? label.substr(2) : label);
    }
    return {labels.begin(), labels.end()};
  }

 private:
  static constexpr size_t kMostKept = 16;

  Result<std::vector<FoundEntity>> Read(std::string_view text) const {
    const CodePoints points(text);
    // Of a text that is not UTF-8 the places would be those of another text.
    if (points.text().data() != text.data()) return Err(ErrorCode::kInvalidArgument, "the text is not UTF-8");
    const std::string_view texts[] = {text};
    // Whole words: half a name is none.
    BANTAM_TRY(const std::vector<TaggedText> tagged, tagger_->Tag(texts, {.aggregation = Aggregation::kFirst}));
    std::vector<FoundEntity> found;
    for (const TaggedSpan& span : tagged[0].spans) {
      const std::string_view cut = points.Cut({span.begin, span.end});
      const size_t begin = static_cast<size_t>(cut.data() - text.data());
      if (!cut.empty()) found.push_back({span.label, {begin, begin + cut.size()}, span.score});
    }
    return found;
  }

  const std::unique_ptr<Tagger> tagger_;
  mutable std::mutex mutex_;  // guards the following
  mutable std::deque<std::pair<std::string, std::vector<FoundEntity>>> latest_;
};

// A model that is not there is a mistake in the file; one that is broken is not.
Error AtPlace(const RouteFile& file, int line, int column, std::string_view what, const Error& problem) {
  const bool missing = problem.code == ErrorCode::kNotFound || problem.code == ErrorCode::kUnsupported;
  return Err(missing ? ErrorCode::kBadConfig : problem.code, "{}:{}:{}: {}: {}", file.path.string(), line, column, what,
             problem.message);
}

class Loader {
 public:
  explicit Loader(const LoadOptions& options) : options_(options) {}

  Result<std::shared_ptr<const TaggerFinder>> Load(const std::string& model) {
    auto& finder = loaded_[model];
    if (finder == nullptr) {
      BANTAM_TRY(std::unique_ptr<Tagger> tagger, Tagger::Load(model, options_));
      finder = std::make_shared<TaggerFinder>(std::move(tagger));
    }
    return finder;
  }

 private:
  const LoadOptions& options_;
  std::map<std::string, std::shared_ptr<const TaggerFinder>> loaded_;
};

Status CheckLabels(const std::string& model, const std::vector<std::string>& wanted,
                   const std::vector<std::string>& labels) {
  for (const std::string& label : wanted) {
    if (std::find(labels.begin(), labels.end(), label) != labels.end()) continue;
    return Err(ErrorCode::kNotFound, "the model \"{}\" has no label \"{}\"; it has {}", model, label,
               QuotedList(labels));
  }
  return Ok();
}

Status LoadSlot(Slot& slot, Loader& loader) {
  BANTAM_TRY(const auto finder, loader.Load(slot.entity_model));
  BANTAM_RETURN_IF_ERROR(CheckLabels(slot.entity_model, slot.entity_labels, finder->labels()));
  slot.entities = finder;
  return Ok();
}

Status LoadPerson(PersonRule& person, Loader& loader) {
  BANTAM_TRY(const auto finder, loader.Load(person.model));
  const std::vector<std::string> labels = finder->labels();
  if (person.labels.empty()) {
    for (const char* label : {"PER", "PERSON"}) {
      if (std::find(labels.begin(), labels.end(), label) != labels.end()) person.labels.emplace_back(label);
    }
    if (person.labels.empty()) {
      return Err(ErrorCode::kNotFound,
                 "the model \"{}\" calls nothing PER or PERSON: name its labels of people; it has {}", person.model,
                 QuotedList(labels));
    }
  }
  BANTAM_RETURN_IF_ERROR(CheckLabels(person.model, person.labels, labels));
  person.finder = finder;
  return Ok();
}

}  // namespace

Status LoadEntityModels(RouteFile& file, const LoadOptions& options) {
  Loader loader(options);
  for (auto& [name, form] : file.forms) {
    for (Slot& slot : form.slots) {
      if (slot.type != Slot::Type::kEntity || slot.entities != nullptr) continue;
      const Status loaded = LoadSlot(slot, loader);
      if (loaded) continue;
      const std::string what = fmt::format("slot \"{}\" of form \"{}\"", slot.name, name);
      return AtPlace(file, slot.line, slot.column, what, loaded.error());
    }
  }
  if (!file.pii || file.pii->person.model.empty() || file.pii->person.finder != nullptr) return Ok();
  const Status loaded = LoadPerson(file.pii->person, loader);
  if (loaded) return Ok();
  return AtPlace(file, file.pii->person.line, file.pii->person.column, "\"person\" of \"pii\"", loaded.error());
}

}  // namespace bantam
