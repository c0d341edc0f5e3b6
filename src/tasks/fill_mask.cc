#include "tasks/fill_mask.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/text_util.h"
#include "tasks/classify.h"
#include "tasks/sequence_list.h"
#include "tasks/text_sequence.h"

namespace bantam {
namespace {

// Rows of logits at one time: a vocabulary of 250,000 makes a megabyte of each.
constexpr size_t kRowsAtOnce = 8;

struct MaskPlace {
  size_t text = 0;
  size_t token = 0;  // in the text's sequence
};

}  // namespace

Result<std::unique_ptr<MaskFiller>> MaskFiller::Load(std::string_view reference, const LoadOptions& options) {
  BANTAM_TRY(LoadedModel model, LoadModel(reference, options));
  return Create(std::move(model));
}

Result<std::unique_ptr<MaskFiller>> MaskFiller::Create(LoadedModel model) {
  if (model.masked_lm == nullptr) return model.NoSuchHead("masked-language-model");
  BANTAM_TRY(SpecialTokens special, ReadSpecialTokens(model));
  if (special.mask < 0) {
    return Err(ErrorCode::kUnsupported,
               "model \"{}\": neither tokenizer_config.json nor tokenizer.json says which token is the mask",
               EscapeForTerminal(model.folder.name));
  }
  return std::unique_ptr<MaskFiller>(new MaskFiller(std::move(model), std::move(special)));
}

Result<std::vector<int32_t>> MaskFiller::TargetIds(std::span<const std::string> targets) const {
  std::vector<int32_t> ids;
  for (const std::string& target : targets) {
    int32_t id = model_.tokenizer->TokenId(target);
    if (id < 0) {
      const Encoding encoding = model_.tokenizer->Encode(target, {.add_special_tokens = false, .max_tokens = 1});
      if (encoding.ids.empty()) {
        return Err(ErrorCode::kInvalidArgument, "the target \"{}\" has no token", EscapeForTerminal(target, 80));
      }
      id = encoding.ids[0];
    }
    ids.push_back(id);
  }
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

Result<std::vector<FilledText>> MaskFiller::Fill(std::span<const std::string_view> texts,
                                                 const FillOptions& options) const {
  BANTAM_TRY(std::vector<int32_t> candidates, TargetIds(options.targets));
  std::vector<FilledText> filled;
  std::vector<std::vector<int32_t>> ids;
  std::vector<MaskPlace> places;
  std::vector<size_t> first_place;  // by text
  SequenceList list(options.times);
  for (size_t i = 0; i < texts.size(); ++i) {
    Encoding encoding = model_.tokenizer->Encode(
        texts[i], {.recognize_special_tokens = true, .max_tokens = static_cast<size_t>(model_.max_tokens)});
    first_place.push_back(places.size());
    for (size_t t = 0; t < encoding.ids.size(); ++t) {
      if (encoding.ids[t] == special_.mask) places.push_back({i, t});
    }
    if (places.size() == first_place.back()) {
      const std::string cut = encoding.truncated()
                                  ? fmt::format(" within the {} tokens that the model reads, of {}",
                                                encoding.ids.size(), encoding.num_tokens_before_truncation)
                                  : "";
      return Err(ErrorCode::kInvalidArgument, "{}the text has no {}{}",
                 texts.size() > 1 ? fmt::format("text {}: ", i + 1) : "", special_.mask_text, cut);
    }
    filled.push_back({.masks = {}, .num_tokens = encoding.ids.size(), .truncated = encoding.truncated()});
    ids.push_back(encoding.ids);
    list.Add(std::move(encoding.ids));
  }
  const auto width = static_cast<size_t>(model_.encoder().hidden_size()),
             vocab = static_cast<size_t>(model_.masked_lm->vocab_size());
  std::vector<float> rows(places.size() * width);
  BANTAM_RETURN_IF_ERROR(list.EachToken(*model_.engine, options.deadline, [&](size_t i, std::span<const float> hidden) {
    for (size_t p = first_place[i]; p < places.size() && places[p].text == i; ++p) {
      std::ranges::copy(hidden.subspan(places[p].token * width, width),
                        rows.begin() + static_cast<ptrdiff_t>(p * width));
    }
  }));

  if (options.targets.empty()) {
    candidates.resize(vocab);
    std::iota(candidates.begin(), candidates.end(), 0);
  }
  const size_t count = std::min(options.top_k, candidates.size());
  std::vector<float> logits;
  for (size_t begin = 0; begin < places.size(); begin += kRowsAtOnce) {
    const size_t end = std::min(begin + kRowsAtOnce, places.size());
    if (options.deadline <= MonotonicNow()) {
      return Err(ErrorCode::kDeadline, "the deadline passed after {} of {} masks", begin, places.size());
    }
    logits.resize((end - begin) * vocab);
    model_.masked_lm->Logits(std::span(rows).subspan(begin * width, (end - begin) * width), logits);
    for (size_t p = begin; p < end; ++p) {
      const std::span<float> scores = std::span(logits).subspan((p - begin) * vocab, vocab);
      if (!IsFinite(scores)) return NotFinite(model_);
      ApplyScoreFunction(ScoreFunction::kSoftmax, scores);
      std::partial_sort(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(count), candidates.end(),
                        [&](int32_t a, int32_t b) {
                          const float x = scores[static_cast<size_t>(a)], y = scores[static_cast<size_t>(b)];
                          return x != y ? x > y : a < b;
                        });
      const MaskPlace& place = places[p];
      const size_t text_masks =
          (place.text + 1 < texts.size() ? first_place[place.text + 1] : places.size()) - first_place[place.text];
      std::vector<int32_t> sequence = ids[place.text];
      std::vector<MaskCandidate>& mask = filled[place.text].masks.emplace_back();
      for (size_t k = 0; k < count; ++k) {
        const int32_t id = candidates[k];
        sequence[place.token] = id;
        // Without special tokens the other masks would be missing.
        mask.push_back({.token_id = id,
                        .score = scores[static_cast<size_t>(id)],
                        .text = model_.tokenizer->Decode(std::array{id}, {.skip_special_tokens = false}),
                        .sequence = model_.tokenizer->Decode(sequence, {.skip_special_tokens = text_masks == 1})});
      }
    }
  }
  return filled;
}

}  // namespace bantam
