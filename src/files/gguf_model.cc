#include "files/gguf_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text_util.h"
#include "files/gguf_head.h"
#include "files/gguf_names.h"

namespace bantam {
namespace {

constexpr int64_t kMostSize = int64_t{1} << 31;
constexpr double kMostNumber = 1e12;

std::string Printable(const Path& path) { return EscapeForTerminal(path.string(), 400); }

// How many heads the queries and the keys of a decoder have; 0: not said.
struct HeadCounts {
  int64_t queries = 0, keys = 0;
  std::vector<bool> convolves = {};  // the layers that do in place of attending; empty: none
};

// The rows of a matrix, or the elements of a bias, in the original's order. Rows are whole blocks in every format.
std::vector<std::byte> InOrder(const TensorView& view, const RowOrder& order) {
  const auto rows = static_cast<size_t>(view.shape.front()), row_bytes = view.bytes.size() / rows;
  std::vector<std::byte> turned(view.bytes.size());
  for (size_t row = 0; row < rows; ++row) {
    const auto from = static_cast<size_t>(order.InFile(static_cast<int64_t>(row)));
    std::memcpy(turned.data() + row * row_bytes, view.bytes.data() + from * row_bytes, row_bytes);
  }
  return turned;
}

// The tensors of a file under their original names.
class GgufWeights final : public WeightSource {
 public:
  GgufWeights(std::shared_ptr<const GgufFile> file, const GgufArchitecture& architecture, std::string place,
              const HeadCounts& heads)
      : file_(std::move(file)), architecture_(architecture), place_(std::move(place)) {
    for (const GgufTensor& tensor : file_->tensors()) {
      // One that the architecture does not have keeps its name, and is left over under it.
      const auto named = tensors_.emplace(OriginalName(architecture, tensor.name).value_or(tensor.name), &tensor).first;
      const GgufNameRow::Rows rows = RowsOfTensor(architecture, tensor.name);
      if (rows == GgufNameRow::Rows::kSame) continue;
      if (rows == GgufNameRow::Rows::kMayBeOne) {
        if (tensor.view.shape.size() != 1 || !tensor.name.ends_with(".weight")) continue;
        TensorView matrix = tensor.view;
        matrix.shape = {1, matrix.shape.front()};
        one_row_.emplace(named->first, std::move(matrix));
        continue;
      }
      const int64_t count = rows == GgufNameRow::Rows::kPairsOfQueries ? heads.queries : heads.keys;
      // One that does not fit is refused for its shape later.
      const Shape& shape = tensor.view.shape;
      const bool has_rows = shape.size() == 2 || (shape.size() == 1 && BlockOf(tensor.view.dtype).elements == 1);
      if (count > 0 && has_rows && shape.front() > 0 && shape.front() % (2 * count) == 0) {
        paired_.emplace(named->first, RowOrder{shape.front() / count});
      }
    }
  }

  Result<TensorView> Get(std::string_view name, const Shape& expected_shape) override {
    BANTAM_RETURN_IF_ERROR(GetRows(name, expected_shape));
    return *Find(name);
  }

  Result<Rows> GetRows(std::string_view name, const Shape& expected_shape) override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      return Err(ErrorCode::kCorrupt, "{}: tensor '{}' {} is missing (the file has {} tensors)", place_,
                 EscapeForTerminal(GgufName(architecture_, name).value_or(std::string(name))),
                 ShapeString(expected_shape), tensors_.size());
    }
    asked_.insert(found->first);
    const TensorView& view = *Describe(name);
    if (view.shape != expected_shape) {
      return Err(ErrorCode::kCorrupt, "{}: tensor '{}' is {}, the metadata says {}", place_,
                 EscapeForTerminal(found->second->name), ShapeString(view.shape), ShapeString(expected_shape));
    }
    const auto paired = paired_.find(name);
    return Rows{view, paired == paired_.end() ? RowOrder() : paired->second};
  }

  const TensorView* Describe(std::string_view name) const override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return nullptr;
    const auto matrix = one_row_.find(name);
    return matrix == one_row_.end() ? &found->second->view : &matrix->second;
  }

  const TensorView* Find(std::string_view name) const override {
    const TensorView* view = Describe(name);
    const auto paired = paired_.find(name);
    if (view == nullptr || paired == paired_.end()) return view;
    // Made when it is first looked at, and kept: views live as long as the source.
    Turned& turned = turned_[paired->first];
    if (turned.bytes.empty()) {
      turned.view = *view;
      turned.bytes = InOrder(turned.view, paired->second);
      turned.view.bytes = turned.bytes;
    }
    return &turned.view;
  }

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) names.push_back(name);
    return names;
  }

  std::vector<std::string> Leftovers() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) {
      if (!asked_.contains(name)) names.push_back(name);
    }
    return names;
  }

  void Release(std::span<const std::byte> bytes) const override { file_->Release(bytes); }

 private:
  std::shared_ptr<const GgufFile> file_;
  GgufArchitecture architecture_;
  std::string place_;
  std::map<std::string, const GgufTensor*, std::less<>> tensors_;
  std::map<std::string, RowOrder, std::less<>> paired_;
  std::map<std::string, TensorView, std::less<>> one_row_;  // vectors as the matrices that they are
  struct Turned {
    std::vector<std::byte> bytes;
    TensorView view;
  };
  mutable std::map<std::string, Turned> turned_;
  std::set<std::string, std::less<>> asked_;
};

// The rows of a table of the file.
Result<int64_t> RowsOf(const GgufFile& file, std::string_view tensor_name) {
  const GgufTensor* tensor = file.Find(tensor_name);
  if (tensor == nullptr || tensor->view.shape.size() != 2) {
    return Err(ErrorCode::kCorrupt, "{}: the tensor '{}' is missing or no matrix", file.metadata().file(), tensor_name);
  }
  return tensor->view.shape[0];
}

// Forms of attention that no architecture of the table has.
Status RefuseOtherForms(const GgufMetadata& keys) {
  BANTAM_TRY(const std::string_view scaling, keys.StringOr("rope.scaling.type", "none"));
  BANTAM_TRY(const double factor, keys.NumberOr("rope.scaling.factor", 1, 0, kMostNumber));
  if (scaling != "none" && factor != 1) {
    return Err(ErrorCode::kUnsupported, "{} at byte {}: scaled rotary positions are not computed here (got {} by {})",
               keys.file() + ": 'rope.scaling.type'", keys.Find("rope.scaling.type")->offset,
               EscapeForTerminal(scaling), factor);
  }
  return Ok();
}

// What a decoder's file says of stretched rotary positions, as config.json has it. The factors of "longrope" are
// tensors of the file, the short ones for texts of the original length, the long ones for others.
Status ReadDecoderKeys(const GgufFile& file, const GgufMetadata& keys, json::object& config) {
  config["tie_word_embeddings"] = file.Find("output.weight") == nullptr;
  if (file.Find("blk.0.attn_output.bias") != nullptr) config["attention_bias"] = true;
  if (file.Find("blk.0.ffn_down.bias") != nullptr) config["mlp_bias"] = true;
  BANTAM_TRY(const std::string_view type, keys.StringOr("rope.scaling.type", "none"));
  BANTAM_TRY(const int64_t original, keys.IntOr("rope.scaling.original_context_length", 0, 1, kMostSize));
  BANTAM_TRY(const double magnitude, keys.NumberOr("rope.scaling.attn_factor", 0, 0, kMostNumber));
  if (type == "longrope" || file.Find("rope_factors_short.weight") != nullptr) {
    if (original == 0) {
      return keys.Wrong("rope.scaling.original_context_length",
                        "is needed: the file has factors of rotary positions for texts up to that length");
    }
    if (file.Find("rope_factors_long.weight") == nullptr) {
      config["max_position_embeddings"] = original;
    } else {
      config["original_max_position_embeddings"] = original;
    }
    if (magnitude > 0) config["rope_magnitude"] = magnitude;
    return Ok();
  }
  BANTAM_TRY(double factor, keys.NumberOr("rope.scale_linear", 1, 0, kMostNumber));
  BANTAM_TRY(factor, keys.NumberOr("rope.scaling.factor", factor, 0, kMostNumber));
  if (type == "none" || factor == 1 || factor == 0) return Ok();
  json::object scaling{{"rope_type", type}, {"factor", factor}};
  if (original > 0) scaling["original_max_position_embeddings"] = original;
  if (magnitude > 0) scaling["attention_factor"] = magnitude;
  config["rope_scaling"] = std::move(scaling);
  return Ok();
}

constexpr std::string_view kKeyHeads = "attention.head_count_kv";

bool IsArray(const GgufMetadata& keys, std::string_view key) {
  const GgufValue* value = keys.Find(key);
  return value != nullptr && value->type == GgufType::kArray;
}

Result<HeadCounts> ReadHeadCounts(const GgufMetadata& keys) {
  HeadCounts heads;
  BANTAM_TRY(heads.queries, keys.IntOr("attention.head_count", 0, 1, kMostSize));
  heads.keys = heads.queries;
  if (!keys.Has(kKeyHeads)) return heads;
  if (!IsArray(keys, kKeyHeads)) {
    BANTAM_TRY(heads.keys, keys.Int(kKeyHeads, 1, kMostSize));
    return heads;
  }
  // A value for each layer; none in one that convolves in place of attending.
  BANTAM_TRY(const int64_t layers, keys.Int("block_count", 1, kMostSize));
  BANTAM_TRY(const std::vector<int64_t> each, keys.IntPerLayer(kKeyHeads, layers, 0, kMostSize));
  heads.keys = *std::ranges::max_element(each);
  for (const int64_t here : each) {
    if (here != 0 && here != heads.keys) {
      return keys.Wrong(kKeyHeads, fmt::format("differs from layer to layer ({} and {})", here, heads.keys));
    }
    heads.convolves.push_back(here == 0);
  }
  if (std::ranges::find(heads.convolves, true) == heads.convolves.end()) heads.convolves.clear();
  return heads;
}

// What differs by layer, as config.json has it; what does not is a row of the architecture's table.
void PutHeads(const GgufMetadata& keys, const HeadCounts& heads, json::object& config) {
  if (IsArray(keys, kKeyHeads)) config["num_key_value_heads"] = heads.keys;
  if (heads.convolves.empty()) return;
  json::array types;
  for (const bool convolves : heads.convolves) types.emplace_back(convolves ? "conv" : "full_attention");
  config["layer_types"] = std::move(types);
}

// Whether all of a head's values turn with the position, which is the only way that is known here.
Status CheckRotaryPart(const GgufMetadata& keys) {
  if (!keys.Has("rope.dimension_count")) return Ok();
  BANTAM_TRY(const int64_t width, keys.Int("embedding_length", 1, kMostSize));
  BANTAM_TRY(const int64_t heads, keys.Int("attention.head_count", 1, kMostSize));
  BANTAM_TRY(const int64_t head, keys.IntOr("attention.key_length", width / heads, 1, kMostSize));
  BANTAM_RETURN_IF_ERROR(keys.Int("rope.dimension_count", head, head));
  return Ok();
}

Result<json::object> ReadConfig(const GgufFile& file, const GgufArchitecture& architecture, const HeadCounts& heads,
                                bool known) {
  const GgufMetadata keys = file.metadata().Below(std::string(architecture.name) + ".");
  if (known && !architecture.decoder) BANTAM_RETURN_IF_ERROR(RefuseOtherForms(keys));
  const bool partial = std::ranges::any_of(architecture.config,
                                           [](const GgufConfigRow& row) { return row.key == "rope.dimension_count"; });
  if (known && !partial && architecture.positions_key.empty()) BANTAM_RETURN_IF_ERROR(CheckRotaryPart(keys));
  BANTAM_TRY(const json::value more, ParseJson(architecture.more, "gguf_names.cc"));
  json::object config = more.get_object();
  config["model_type"] = architecture.model_type;
  for (const GgufConfigRow& row : architecture.config) {
    // An array has a value for each layer.
    if (!row.required && (!keys.Has(row.key) || IsArray(keys, row.key))) continue;
    if (row.kind == GgufConfigRow::Kind::kSize) {
      BANTAM_TRY(const int64_t size, keys.Int(row.key, 1, kMostSize));
      config[row.config_key] = size;
    } else if (row.kind == GgufConfigRow::Kind::kId) {
      BANTAM_TRY(const int64_t id, keys.Int(row.key, 0, kMostSize));
      config[row.config_key] = id;
    } else if (row.kind == GgufConfigRow::Kind::kFlag) {
      BANTAM_TRY(const bool flag, keys.Bool(row.key));
      config[row.config_key] = flag;
    } else {
      BANTAM_TRY(const double number, keys.Number(row.key, 0, kMostNumber));
      config[row.config_key] = number;
    }
  }
  if (!known) return config;
  BANTAM_TRY(const int64_t words, RowsOf(file, "token_embd.weight"));
  config["vocab_size"] = words;
  if (!architecture.types_key.empty()) {
    BANTAM_TRY(const int64_t types, RowsOf(file, "token_types.weight"));
    config[architecture.types_key] = types;
  }
  if (!architecture.positions_key.empty()) {
    BANTAM_TRY(const int64_t positions, RowsOf(file, "position_embd.weight"));
    config[architecture.positions_key] = positions;
  }
  if (architecture.decoder) {
    BANTAM_RETURN_IF_ERROR(ReadDecoderKeys(file, keys, config));
    PutHeads(keys, heads, config);
  }
  if (HasGgufHead(file, architecture)) BANTAM_RETURN_IF_ERROR(ReadGgufHead(keys, architecture, config));
  return config;
}

Result<SentenceConfig> ReadSentence(const GgufMetadata& keys, bool causal, bool known) {
  SentenceConfig sentence;
  // The file does not say whether vectors are to have length 1; its own library gives them so.
  sentence.normalize = true;
  BANTAM_TRY(const int64_t length, keys.IntOr("context_length", 0, 1, kMostSize - 1));
  sentence.max_seq_length = static_cast<int>(length);
  BANTAM_TRY(const bool told_causal, keys.BoolOr("attention.causal", causal));
  if (known && told_causal != causal) {
    return Err(ErrorCode::kUnsupported, "{}: 'attention.causal' is {}, which this architecture is not here",
               keys.file(), told_causal);
  }
  BANTAM_TRY(const int64_t pooling, keys.IntOr("pooling_type", 0, 0, 4));
  switch (pooling) {
    case 1:
      sentence.pooling = PoolingMode::kMean;
      break;
    case 2:
    case 4:  // re-rankers score the first token
      sentence.pooling = PoolingMode::kCls;
      break;
    case 3:
      sentence.pooling = PoolingMode::kLastToken;
      break;
    default:
      sentence.pooling = causal ? PoolingMode::kLastToken : PoolingMode::kMean;
  }
  sentence.pooling_modes = {sentence.pooling};
  return sentence;
}

}  // namespace

bool LooksLikeGguf(const Path& path) {
  const auto file = MappedFile::Open(path);
  return file && LooksLikeGguf(file->bytes());
}

bool LooksLikeGguf(std::span<const std::byte> bytes) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
}

Result<std::optional<Path>> FindGgufIn(const Path& folder) {
  std::vector<Path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".gguf") || name.starts_with('.')) continue;
    // Of a split file the first part stands for all.
    const size_t of = name.size() >= 20 ? name.size() - 19 : 0;  // "-00002-of-00003.gguf"
    const bool part = of > 0 && name.compare(of + 5, 4, "-of-") == 0 && name[of - 1] == '-';
    if (part && name.compare(of, 5, "00001") != 0) continue;
    found.push_back(entry.path());
  }
  if (found.empty()) return std::optional<Path>();
  std::sort(found.begin(), found.end());
  if (found.size() > 1) {
    return Err(ErrorCode::kInvalidArgument, "{} holds {} GGUF models, such as {} and {}: name the file",
               Printable(folder), found.size(), EscapeForTerminal(found[0].filename().string()),
               EscapeForTerminal(found[1].filename().string()));
  }
  return std::optional(found.front());
}

Result<ModelFolder> OpenGgufModel(const Path& path, const std::optional<ModelManifest>& manifest) {
  BANTAM_TRY(std::shared_ptr<const GgufFile> file, GgufFile::Open(path));
  const GgufMetadata& metadata = file->metadata();
  BANTAM_TRY(const std::string_view name, metadata.String("general.architecture"));
  const GgufArchitecture* found = FindGgufArchitecture(name, file->Find("token_types.weight") != nullptr);
  const bool known = found != nullptr;
  const GgufArchitecture architecture = known ? *found : AnyGgufArchitecture(name);
  ModelFolder model;
  model.path = path;
  model.name = path.stem().string();
  model.transformer_folder = path.parent_path();
  model.architecture = architecture.model_type;
  const GgufMetadata keys = metadata.Below(std::string(name) + ".");
  HeadCounts heads;
  if (architecture.decoder) {
    BANTAM_TRY(heads, ReadHeadCounts(keys));
  }
  BANTAM_TRY(json::object config, ReadConfig(*file, architecture, heads, known));
  model.config = std::move(config);
  BANTAM_TRY(model.sentence, ReadSentence(keys, architecture.decoder, known));
  if (metadata.Has("tokenizer.ggml.model")) model.tokenizer_json = path;
  model.weights = std::make_shared<GgufWeights>(file, architecture, metadata.file(), heads);
  BANTAM_TRY(model.identity, WeightsIdentity::Of(file->paths(), manifest));
  model.gguf = std::move(file);
  return model;
}

}  // namespace bantam
