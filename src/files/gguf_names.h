// How architectures are called in GGUF files and in the checkpoints that these were converted from. A new one is a row
// of gguf_names.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bantam {

// A metadata key, without the architecture's name before it, and the key of config.json that says the same.
struct GgufConfigRow {
  std::string_view key;
  std::string_view config_key;
  // An integer from 1, one from 0, a number from 0, or yes or no.
  enum class Kind { kSize, kId, kNumber, kFlag } kind = Kind::kSize;
  bool required = true;
};

// A tensor without ".weight" and ".bias". In layers ("blk.7.attn_q") the rest after the number, and {} for the number;
// of models with two halves ("enc.blk.7.attn_q") also what comes before ("enc.attn_q").
struct GgufNameRow {
  std::string_view name;
  std::string_view original;
  // Some converters put the two values that a rotary position turns together side by side: rows of queries and keys
  // then lie in another order than in the original, head by head.
  // A matrix of one row may be written as a vector.
  enum class Rows { kSame, kPairsOfQueries, kPairsOfKeys, kMayBeOne } rows = Rows::kSame;
};

struct GgufArchitecture {
  std::string_view name;        // general.architecture
  std::string_view model_type;  // config.json
  std::span<const GgufConfigRow> config;
  std::span<const GgufNameRow> outside, layer;
  std::string_view more;  // members of config.json that no key says, as JSON
  // Keys of config.json for the rows of tables, where it has them.
  std::string_view types_key = {}, positions_key = {};
  bool decoder = false;  // generates text: causal, and its rotary positions may be stretched or partial
  // "architectures" of config.json where the file has a head (gguf_head.h); empty: none is known.
  std::string_view head_class = {};
};

// Null for an unknown name. `has_types`: whether the file has a table of token types, which tells DistilBERT from BERT.
const GgufArchitecture* FindGgufArchitecture(std::string_view name, bool has_types);
// For one that is not in the table: what is common to all, and every tensor under its own name.
GgufArchitecture AnyGgufArchitecture(std::string_view name);

// How a tensor's rows lie.
GgufNameRow::Rows RowsOfTensor(const GgufArchitecture& architecture, std::string_view name);
// The original name of a tensor; nothing for one that the architecture does not have.
std::optional<std::string> OriginalName(const GgufArchitecture& architecture, std::string_view name);
// The other way: of "layers.7.self_attn.q_proj.weight", without what a checkpoint may have before it.
std::optional<std::string> GgufName(const GgufArchitecture& architecture, std::string_view original);

}  // namespace bantam
