#include "files/gguf_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text_util.h"
#include "files/gguf_names.h"

namespace bantam {
namespace {

constexpr int64_t kMostSize = int64_t{1} << 31;
constexpr double kMostNumber = 1e12;

struct Family {
  std::string_view model_type, gguf;
  bool norms_plus_one = false;  // the files hold the sums with which it scales
};
// Those whose checkpoints differ from the files in names and order alone.
constexpr Family kFamilies[] = {
    {"llama", "llama"},       {"mistral", "llama"},
    {"qwen2", "qwen2"},       {"qwen3", "qwen3"},
    {"smollm3", "smollm3"},   {"granite", "granite"},
    {"gemma", "gemma", true}, {"gemma2", "gemma2", true},
    {"olmo2", "olmo2"},       {"gemma3_text", "gemma3", true},
};

Error Refused(const ModelFolder& model, std::string_view what) {
  return Err(ErrorCode::kUnsupported, "{}: {}: convert the folder with llama.cpp's script first",
             EscapeForTerminal(model.config_path().string(), 400), what);
}

// The rotary positions of a config, old or new.
struct Rope {
  std::optional<double> theta;
  double share = 1;
};
Result<Rope> ReadPlainRope(const ModelFolder& model, const JsonObject& config) {
  Rope rope;
  JsonObject where = config;
  for (const std::string_view key : {"rope_parameters", "rope_scaling"}) {
    const json::value* found = config.Find(key);
    if (found == nullptr || found->is_null()) continue;
    BANTAM_TRY(where, config.Object(key));
    BANTAM_TRY(std::string type, where.StringOr("rope_type", ""));
    if (type.empty()) {
      BANTAM_TRY(type, where.StringOr("type", "default"));
    }
    if (type != "default") {
      return Refused(model,
                     fmt::format("rotary positions stretched by \"{}\" are not written here", EscapeForTerminal(type)));
    }
    if (where.Has("full_attention") || where.Has("sliding_attention")) {
      return Refused(model, "rotary positions that differ by layer are not written here");
    }
  }
  for (const JsonObject* object : {static_cast<const JsonObject*>(&where), &config}) {
    if (!rope.theta && object->Has("rope_theta")) {
      BANTAM_TRY(rope.theta, object->Number("rope_theta", 0, kMostNumber));
    }
    if (rope.share == 1) {
      BANTAM_TRY(rope.share, object->NumberOr("partial_rotary_factor", 1, 0, 1));
    }
  }
  return rope;
}

Status PutConfig(const ModelFolder& model, const GgufArchitecture& architecture, GgufWriter& gguf) {
  const std::string name = EscapeForTerminal(model.config_path().string(), 400);
  BANTAM_TRY(const JsonObject config, JsonObject::From(model.config, name));
  BANTAM_TRY(const Rope rope, ReadPlainRope(model, config));
  const auto key = [&](std::string_view end) { return fmt::format("{}.{}", architecture.name, end); };
  gguf.String("general.architecture", architecture.name);
  gguf.String("general.name", model.name);
  for (const GgufConfigRow& row : architecture.config) {
    const json::value* value = config.Find(row.config_key);
    if (value == nullptr || value->is_null()) {
      if (!row.required || row.config_key == "head_dim") continue;
      return Err(ErrorCode::kInvalidArgument, "{} is missing, which a GGUF file must say",
                 config.Where(row.config_key));
    }
    if (row.kind == GgufConfigRow::Kind::kSize) {
      BANTAM_TRY(const int64_t size, config.Int(row.config_key, 0, kMostSize));
      if (size > 0) gguf.U32(key(row.key), static_cast<uint32_t>(size));
    } else if (row.kind == GgufConfigRow::Kind::kFlag) {
      BANTAM_TRY(const bool flag, config.Bool(row.config_key));
      gguf.Bool(key(row.key), flag);
    } else {
      BANTAM_TRY(const double number, config.Number(row.config_key, -kMostNumber, kMostNumber));
      gguf.F32(key(row.key), static_cast<float>(number));
    }
  }
  BANTAM_TRY(const int64_t hidden, config.Int("hidden_size", 1, kMostSize));
  BANTAM_TRY(const int64_t heads, config.Int("num_attention_heads", 1, kMostSize));
  BANTAM_TRY(const int64_t head, config.IntOr("head_dim", hidden / heads, 1, kMostSize));
  gguf.U32(key("attention.key_length"), static_cast<uint32_t>(head));
  gguf.U32(key("attention.value_length"), static_cast<uint32_t>(head));
  gguf.U32(key("rope.dimension_count"), static_cast<uint32_t>(static_cast<double>(head) * rope.share));
  if (rope.theta) gguf.F32(key("rope.freq_base"), static_cast<float>(*rope.theta));
  BANTAM_TRY(const int64_t words, config.Int("vocab_size", 1, kMostSize));
  gguf.U32(key("vocab_size"), static_cast<uint32_t>(words));
  return Ok();
}

// Rows of each head so that the two values that a rotary position turns together lie side by side.
std::vector<std::byte> PutPairs(const TensorView& view, int64_t heads) {
  const auto rows = static_cast<size_t>(view.shape.front()), row_bytes = view.bytes.size() / rows;
  const size_t dim = rows / static_cast<size_t>(heads), half = dim / 2;
  std::vector<std::byte> turned(view.bytes.size());
  for (size_t row = 0; row < rows; ++row) {
    const size_t in_head = row % dim, from = row - in_head + in_head / 2 + in_head % 2 * half;
    std::memcpy(turned.data() + row * row_bytes, view.bytes.data() + from * row_bytes, row_bytes);
  }
  return turned;
}

// Vectors are floats of 32 bits in every file, as their readers expect.
std::vector<std::byte> AsF32(const TensorView& view, float plus) {
  std::vector<float> values(static_cast<size_t>(NumElements(view.shape)));
  CopyToF32(view, values);
  for (float& value : values) value += plus;
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

Result<std::vector<ExportedTensor>> ExportToGguf(const ModelFolder& model, GgufWriter& gguf) {
  const auto family = std::ranges::find(kFamilies, model.architecture, &Family::model_type);
  if (family == std::end(kFamilies)) {
    return Refused(model, fmt::format("\"{}\" is not written here", EscapeForTerminal(model.architecture)));
  }
  const GgufArchitecture& architecture = *FindGgufArchitecture(family->gguf, false);
  const std::string name = EscapeForTerminal(model.config_path().string(), 400);
  BANTAM_TRY(const JsonObject config, JsonObject::From(model.config, name));
  if (const json::value* window = config.Find("sliding_window");
      family->model_type == "mistral" && window != nullptr && !window->is_null()) {
    return Refused(model, "a \"sliding_window\" of Mistral is not written here");
  }
  BANTAM_RETURN_IF_ERROR(PutConfig(model, architecture, gguf));
  BANTAM_TRY(const int64_t heads, config.Int("num_attention_heads", 1, kMostSize));
  BANTAM_TRY(const int64_t kv_heads, config.IntOr("num_key_value_heads", heads, 1, kMostSize));
  const std::string prefix = model.weights->Has("model.embed_tokens.weight") ? "model." : "";
  // transformers' own default for all of these but Gemma.
  BANTAM_TRY(const bool tied, config.BoolOr("tie_word_embeddings", family->norms_plus_one));

  std::vector<ExportedTensor> tensors;
  for (const std::string& original : model.weights->Names()) {
    std::string_view rest = original;
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
    if (rest.ends_with("rotary_emb.inv_freq") || (tied && rest == "lm_head.weight")) continue;
    const std::optional<std::string> there = GgufName(architecture, rest);
    if (!there) {
      return Refused(model, fmt::format("the tensor \"{}\" has no name in such a file", EscapeForTerminal(original)));
    }
    ExportedTensor tensor{*there, original, *model.weights->Find(original), nullptr};
    const GgufNameRow::Rows rows = RowsOfTensor(architecture, *there);
    const bool vector = tensor.view.shape.size() == 1;
    if (!IsReal(tensor.view.dtype) || tensor.view.dtype == DType::kF64) {
      return Refused(model,
                     fmt::format("the tensor \"{}\" is {}", EscapeForTerminal(original), DTypeName(tensor.view.dtype)));
    }
    if (vector) {
      const bool norm = family->norms_plus_one && rest.ends_with("norm.weight");
      tensor.owned = std::make_shared<const std::vector<std::byte>>(AsF32(tensor.view, norm ? 1.0f : 0.0f));
      tensor.view.dtype = DType::kF32;
      tensor.view.bytes = *tensor.owned;
    }
    if (rows != GgufNameRow::Rows::kSame) {
      const int64_t count = rows == GgufNameRow::Rows::kPairsOfQueries ? heads : kv_heads;
      if (tensor.view.shape.front() % (2 * count) != 0) {
        return Err(ErrorCode::kCorrupt, "{}: the tensor \"{}\" is {}, which are no {} heads", name,
                   EscapeForTerminal(original), ShapeString(tensor.view.shape), count);
      }
      tensor.owned = std::make_shared<const std::vector<std::byte>>(PutPairs(tensor.view, count));
      tensor.view.bytes = *tensor.owned;
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace bantam
