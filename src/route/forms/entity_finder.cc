#include "route/forms/entity_finder.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "base/log.h"
#include "route/route_file.h"
#include "route/suggest.h"
#include "tasks/code_points.h"
#include "tasks/tag.h"

namespace bantam {
namespace {

class TaggerFinder : public EntityFinder {
 public:
  explicit TaggerFinder(std::unique_ptr<Tagger> tagger) : tagger_(std::move(tagger)) {}

  std::vector<FoundEntity> Find(std::string_view text) const override {
    // The slots of a form ask about the same message one after the other.
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [known, entities] : latest_) {
        if (known == text) return entities;
      }
    }
    std::vector<FoundEntity> found = Read(text);
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

  std::vector<FoundEntity> Read(std::string_view text) const {
    const CodePoints points(text);
    // Of a text that is not UTF-8 the places would be those of another text.
    if (points.text().data() != text.data()) return {};
    const std::string_view texts[] = {text};
    // Whole words: half a name is none.
    const Result<std::vector<TaggedText>> tagged = tagger_->Tag(texts, {.aggregation = Aggregation::kFirst});
    if (!tagged) {
      Log(LogLevel::kWarning, "a form's model finds nothing in a message: {}", tagged.error().message);
      return {};
    }
    std::vector<FoundEntity> found;
    for (const TaggedSpan& span : (*tagged)[0].spans) {
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

Error AtSlot(const RouteFile& file, const Form& form, const Slot& slot, const Error& problem) {
  // A model that is not there is a mistake in the file; one that is broken is not.
  const bool missing = problem.code == ErrorCode::kNotFound || problem.code == ErrorCode::kUnsupported;
  return Err(missing ? ErrorCode::kBadConfig : problem.code, "{}:{}:{}: slot \"{}\" of form \"{}\": {}",
             file.path.string(), slot.line, slot.column, slot.name, form.name, problem.message);
}

}  // namespace

Status LoadEntityModels(RouteFile& file, const LoadOptions& options) {
  std::map<std::string, std::shared_ptr<const TaggerFinder>> loaded;
  for (auto& [name, form] : file.forms) {
    for (Slot& slot : form.slots) {
      if (slot.type != Slot::Type::kEntity || slot.entities != nullptr) continue;
      auto& finder = loaded[slot.entity_model];
      if (finder == nullptr) {
        Result<std::unique_ptr<Tagger>> tagger = Tagger::Load(slot.entity_model, options);
        if (!tagger) return AtSlot(file, form, slot, tagger.error());
        finder = std::make_shared<TaggerFinder>(*std::move(tagger));
      }
      const std::vector<std::string> labels = finder->labels();
      for (const std::string& label : slot.entity_labels) {
        if (std::find(labels.begin(), labels.end(), label) != labels.end()) continue;
        return AtSlot(file, form, slot,
                      Err(ErrorCode::kNotFound, "the model \"{}\" has no label \"{}\"; it has {}", slot.entity_model,
                          label, QuotedList(labels)));
      }
      slot.entities = finder;
    }
  }
  return Ok();
}

}  // namespace bantam
