#include "tasks/sparse_embed.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/text_util.h"
#include "tasks/sequence_list.h"

namespace bantam {
namespace {

// Rows of logits at one time: a vocabulary of 30,000 words takes 2 MB.
constexpr size_t kRowsAtOnce = 16;

void Keep(std::span<const float> weights, size_t top_k, SparseVector& out) {
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) out.indices.push_back(static_cast<int32_t>(i));
  }
  if (top_k > 0 && out.indices.size() > top_k) {
    const auto heavier = [&](int32_t a, int32_t b) {
      const float x = weights[static_cast<size_t>(a)], y = weights[static_cast<size_t>(b)];
      return x != y ? x > y : a < b;
    };
    std::ranges::nth_element(out.indices, out.indices.begin() + static_cast<ptrdiff_t>(top_k), heavier);
    out.indices.resize(top_k);
    std::ranges::sort(out.indices);
  }
  for (const int32_t index : out.indices) out.values.push_back(weights[static_cast<size_t>(index)]);
}

}  // namespace

Result<std::unique_ptr<SparseEmbedder>> SparseEmbedder::Create(LoadedModel model) {
  if (model.masked_lm == nullptr) return model.NoSuchHead("masked-language-model");
  auto reader = TextReader::Create(model.tokenizer, model.folder.sentence, model.encoder().max_positions());
  if (!reader) {
    return Err(reader.error().code, "{}: {}", EscapeForTerminal(model.folder.path.string(), 400),
               reader.error().message);
  }
  BANTAM_TRY(TextPrompt prompt, reader->Resolve({}, true));
  return std::unique_ptr<SparseEmbedder>(new SparseEmbedder(std::move(model), *std::move(reader), std::move(prompt)));
}

// log(1 + relu(x)) grows with x, so the largest logit has the largest weight.
bool SparseEmbedder::Weigh(std::span<const float> hidden, std::span<float> weights) const {
  const MaskedLmHead& head = *model_.masked_lm;
  const SparseConfig& config = model_.folder.sentence.sparse;
  const auto weight = [&](float logit) {
    const float once = std::log1p(std::max(logit, 0.0f));
    return config.twice ? std::log1p(once) : once;
  };
  const auto width = static_cast<size_t>(head.hidden_size()), vocab = static_cast<size_t>(head.vocab_size());
  const size_t num_rows = hidden.size() / width;
  float zero = 0;  // NaN once there was a logit that is not finite
  std::vector<float> logits(std::min(kRowsAtOnce, num_rows) * vocab);
  for (size_t begin = 0; begin < num_rows; begin += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, num_rows - begin);
    head.Logits(hidden.subspan(begin * width, count * width), std::span(logits).first(count * vocab));
    for (size_t row = 0; row < count; ++row) {
      const float* values = logits.data() + row * vocab;
      for (size_t i = 0; i < vocab; ++i) {
        zero += values[i] * 0.0f;
        weights[i] = config.sum ? weights[i] + weight(values[i]) : std::max(weights[i], values[i]);
      }
    }
  }
  if (!config.sum) {
    for (float& value : weights) value = weight(value);
  }
  return zero == 0;
}

Result<std::vector<SparseVector>> SparseEmbedder::Embed(std::span<const std::string> texts,
                                                        const SparseOptions& options) const {
  const TextPrompt& prompt = options.prompt != nullptr ? *options.prompt : default_prompt_;
  std::vector<SparseVector> vectors(texts.size());
  SequenceList list(options.times);
  for (size_t i = 0; i < texts.size(); ++i) {
    Encoding encoding = reader_.Encode(texts[i], prompt);
    if (encoding.truncated() && !options.truncate) {
      return Err(ErrorCode::kInvalidArgument, "text {} has {} tokens, {} reads {}: shorten it, or allow it to be cut",
                 i + 1, encoding.num_tokens_before_truncation, model_.folder.name, encoding.ids.size());
    }
    vectors[i].num_tokens = static_cast<uint32_t>(encoding.ids.size());
    vectors[i].truncated = encoding.truncated();
    vectors[i].text_tokens = static_cast<uint32_t>(encoding.num_tokens_before_truncation);
    list.Add(std::move(encoding.ids));
  }
  std::atomic<bool> finite = true;
  BANTAM_RETURN_IF_ERROR(list.EachToken(*model_.engine, options.deadline, [&](size_t i, std::span<const float> hidden) {
    std::vector<float> weights(static_cast<size_t>(model_.masked_lm->vocab_size()));
    if (!Weigh(hidden, weights)) finite = false;
    Keep(weights, options.top_k, vectors[i]);
  }));
  if (!finite) return NotFinite(model_);
  return vectors;
}

}  // namespace bantam
