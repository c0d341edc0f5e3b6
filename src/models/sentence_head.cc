#include "models/sentence_head.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/text_util.h"
#include "files/weight_files.h"
#include "layers/pooling.h"
#include "models/head_layers.h"

namespace bantam {
namespace {

using Kind = SentenceModule::Kind;

// Enough rows that a product reads its weights once for many texts, few enough to stay in cache.
constexpr size_t kBlockRows = 32;
constexpr float kTorchEpsilon = 1e-5f;  // of torch.nn.LayerNorm

Activation KernelActivation(DenseActivation activation) {
  switch (activation) {
    case DenseActivation::kRelu:
      return kActivationRelu;
    case DenseActivation::kGelu:
      return kActivationGelu;
    case DenseActivation::kSilu:
      return kActivationSilu;
    default:
      return kActivationNone;
  }
}

// Those that the kernels do not have.
void Activate(DenseActivation activation, std::span<float> x) {
  switch (activation) {
    case DenseActivation::kTanh:
      for (float& v : x) v = std::tanh(v);
      break;
    case DenseActivation::kSigmoid:
      for (float& v : x) v = 1.0f / (1.0f + std::exp(-v));
      break;
    case DenseActivation::kLeakyRelu:
      for (float& v : x) v = v < 0 ? 0.01f * v : v;
      break;
    case DenseActivation::kElu:
      for (float& v : x) v = v < 0 ? std::expm1(v) : v;
      break;
    case DenseActivation::kSoftplus:  // the reference returns x above 20
      for (float& v : x) v = v > 20.0f ? v : std::log1p(std::exp(v));
      break;
    default:
      break;
  }
}

}  // namespace

struct SentenceHead::Step {
  Kind kind = Kind::kNormalize;
  int in = 0, out = 0;
  DenseActivation activation = DenseActivation::kIdentity;
  HeadDense dense = {};
  bool residual = false;
  HeadDense projection = {};  // of the residual, where the widths differ
  HeadNorm norm = {};
};

struct SentenceHead::Scratch {
  std::vector<float> x, y, pooled;
};

SentenceHead::SentenceHead() = default;
SentenceHead::~SentenceHead() = default;

Result<SentenceHead::Step> SentenceHead::LoadStep(const SentenceModule& module, int width) {
  Step step{.kind = module.kind, .in = width, .out = width};
  if (module.kind == Kind::kNormalize) return step;
  if (module.kind == Kind::kTruncate) {
    step.out = std::min(width, module.out_features);
    return step;
  }
  const std::string place = EscapeForTerminal(module.folder.string(), 400);
  const bool dense = module.kind == Kind::kDense;
  if (const int wanted = dense ? module.in_features : module.out_features; wanted != width) {
    return Err(ErrorCode::kCorrupt, "{}/config.json: \"{}\" is {}, but what comes before it is {} wide", place,
               dense ? "in_features" : "dimension", wanted, width);
  }
  BANTAM_TRY(const WeightFiles files, OpenWeightFiles(module.folder));
  HeadReader reader(*files.source);
  if (dense) {
    step.out = module.out_features;
    step.activation = module.activation;
    step.residual = module.residual;
    using Bias = HeadReader::Bias;
    const Bias bias = module.bias ? Bias::kRequired : Bias::kNone;
    BANTAM_TRY(step.dense, reader.ReadDense("linear", step.in, step.out, WeightType::kF32, bias));
    if (module.residual && step.in != step.out) {
      BANTAM_TRY(step.projection, reader.ReadDense("residual", step.in, step.out, WeightType::kF32, Bias::kNone));
    }
  } else {
    step.norm.epsilon = kTorchEpsilon;
    BANTAM_TRY(step.norm.gamma, reader.ReadFloats("norm.weight", {width}));
    BANTAM_TRY(step.norm.beta, reader.ReadFloats("norm.bias", {width}));
  }
  if (const std::vector<std::string> left = files.source->Leftovers(); !left.empty() && !module.among_others) {
    return Err(ErrorCode::kCorrupt, "{}: weight \"{}\" is none of a {} as config.json describes it", place,
               EscapeForTerminal(left.front()), dense ? "Dense" : "LayerNorm");
  }
  return step;
}

Result<std::unique_ptr<SentenceHead>> SentenceHead::Load(const SentenceConfig& sentence, int hidden_size,
                                                         const Kernels* kernels) {
  std::unique_ptr<SentenceHead> head(new SentenceHead);
  head->kernels_ = kernels;
  if (kernels == nullptr) {
    BANTAM_TRY(head->kernels_, SelectKernels());
  }
  head->hidden_size_ = hidden_size;
  head->modes_ = sentence.pooling_modes;
  const auto load = [&](bool on_tokens, int width, std::vector<Step>& steps) -> Result<int> {
    for (const SentenceModule& module : sentence.modules) {
      if (module.on_tokens != on_tokens) continue;
      BANTAM_TRY(Step step, LoadStep(module, width));
      width = step.out;
      steps.push_back(std::move(step));
    }
    return width;
  };
  BANTAM_TRY(head->token_width_, load(true, hidden_size, head->token_steps_));
  head->pooled_width_ = head->token_width_ * static_cast<int>(head->modes_.size());
  BANTAM_TRY(head->dimensions_, load(false, head->pooled_width_, head->text_steps_));
  if (sentence.modules.empty() && sentence.normalize) {
    head->text_steps_.push_back({.kind = Kind::kNormalize, .in = head->dimensions_, .out = head->dimensions_});
  }
  return head;
}

void SentenceHead::Run(std::span<const Step> steps, size_t num_rows, Scratch& scratch) const {
  for (const Step& step : steps) {
    const auto in = static_cast<size_t>(step.in), out = static_cast<size_t>(step.out);
    switch (step.kind) {
      case Kind::kNormalize:
        for (size_t row = 0; row < num_rows; ++row) NormalizeL2(std::span(scratch.x).subspan(row * in, in));
        break;
      case Kind::kTruncate:
        for (size_t row = 1; row < num_rows; ++row) {
          std::copy_n(scratch.x.begin() + static_cast<ptrdiff_t>(row * in), out,
                      scratch.x.begin() + static_cast<ptrdiff_t>(row * out));
        }
        break;
      case Kind::kLayerNorm:
        step.norm.Apply(*kernels_, std::span(scratch.x).first(num_rows * in));
        break;
      case Kind::kDense: {
        scratch.y.resize(std::max(scratch.y.size(), num_rows * out));
        const auto x = std::span(scratch.x).first(num_rows * in), y = std::span(scratch.y).first(num_rows * out);
        step.dense.Apply(*kernels_, x, y, KernelActivation(step.activation));
        Activate(step.activation, y);
        if (step.residual && step.in == step.out) {
          for (size_t i = 0; i < y.size(); ++i) y[i] += x[i];
        } else if (step.residual) {
          step.projection.Apply(*kernels_, x, y, kActivationNone, true);
        }
        scratch.x.swap(scratch.y);
        break;
      }
    }
  }
}

void SentenceHead::PoolText(const Text& text, std::span<float> pooled, Scratch& scratch) const {
  const auto width = static_cast<size_t>(token_width_);
  std::span<const float> hidden = text.hidden;
  if (!token_steps_.empty()) {
    scratch.x.resize(std::max(scratch.x.size(), hidden.size()));
    std::ranges::copy(hidden, scratch.x.begin());
    const size_t num_tokens = hidden.size() / static_cast<size_t>(hidden_size_);
    Run(token_steps_, num_tokens, scratch);
    hidden = std::span(scratch.x).first(num_tokens * width);
  }
  for (size_t i = 0; i < modes_.size(); ++i) {
    PoolFrom(text.skip_tokens, hidden, token_width_, modes_[i], pooled.subspan(i * width, width));
  }
}

SentenceHead::Scratch& SentenceHead::ThisThread() {
  static thread_local Scratch scratch;
  return scratch;
}

void SentenceHead::ApplyToTokens(std::span<const float> hidden, std::span<float> out) const {
  Scratch& scratch = ThisThread();
  const size_t num_tokens = hidden.size() / static_cast<size_t>(hidden_size_);
  scratch.x.resize(std::max(scratch.x.size(), hidden.size()));
  std::ranges::copy(hidden, scratch.x.begin());
  Run(token_steps_, num_tokens, scratch);
  std::copy_n(scratch.x.begin(), num_tokens * static_cast<size_t>(token_width_), out.begin());
}

void SentenceHead::Apply(std::span<const Text> texts) const {
  Scratch& scratch = ThisThread();
  const auto pooled = static_cast<size_t>(pooled_width_), columns = static_cast<size_t>(dimensions_);
  for (size_t begin = 0; begin < texts.size(); begin += kBlockRows) {
    const auto block = texts.subspan(begin, std::min(kBlockRows, texts.size() - begin));
    scratch.pooled.resize(std::max(scratch.pooled.size(), block.size() * pooled));
    for (size_t i = 0; i < block.size(); ++i) {
      PoolText(block[i], std::span(scratch.pooled).subspan(i * pooled, pooled), scratch);
    }
    scratch.x.swap(scratch.pooled);
    Run(text_steps_, block.size(), scratch);
    for (size_t i = 0; i < block.size(); ++i) {
      std::ranges::copy(std::span(scratch.x).subspan(i * columns, columns), block[i].out.begin());
    }
  }
}

}  // namespace bantam
