// One list of a model's weights, walked twice: to lay them out in a block of memory, and to read them from a file.
//
//   void Bind(WeightBinder& bind) {
//     bind.Words(weights.embedding, "embed_tokens", config.vocab_size);
//     bind.Norm(weights.final_norm, "norm", {.size = hidden, .epsilon = eps});
//     ...
//   }
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "models/bound_matrix.h"
#include "models/encoder.h"
#include "models/weight_layout.h"
#include "models/weight_memory.h"
#include "models/weight_reader.h"

namespace bantam {

class WeightBinder {
 public:
  using Bias = WeightReader::Bias;

  // Lays out only: the views point into `block`, which may be null to learn the size.
  WeightBinder(const WeightPlan& plan, std::string prefix, const std::byte* block)
      : plan_(plan), prefix_(std::move(prefix)), block_(block), layout_(block) {}
  // Lays out in `block` and fills it.
  WeightBinder(const WeightPlan& plan, std::string prefix, const std::byte* block, WeightReader& reader)
      : plan_(plan), prefix_(std::move(prefix)), block_(block), layout_(block), reader_(&reader) {}

  // NAME.weight [out, in] and NAME.bias; or several names whose outputs are stacked in equal parts, or in parts of the
  // given sizes.
  void Layer(Linear& linear, std::vector<std::string> names, int in, int out, Bias bias = Bias::kYes);
  void Layer(Linear& linear, const std::vector<LinearPart>& parts, int in, Bias bias = Bias::kYes);
  // NAME.weight and NAME.bias; `norm` says size, epsilon and kind. Without bias beta is zero.
  void Norm(LayerNorm& norm, const std::string& name, const LayerNorm& like, Bias bias = Bias::kYes);
  // NAME.weight [vocab_size, embedding.hidden_size]
  void Words(Embedding& embedding, const std::string& name, int vocab_size);
  // A tensor of floats under its full name.
  void Table(const float*& table, const std::string& name, const Shape& shape);
  // Zeros in place of a table that a model does not have.
  void Zeros(const float*& table, size_t count) { table = layout_.Take<float>(count); }
  // Floats that `fill` computes from tensors of the file.
  void Computed(const float*& table, size_t count,
                const std::function<Status(WeightReader& reader, std::span<float> out)>& fill);

  // From now on what Layer and Words lay out is told to `into`. The layers must stay where they are.
  void Record(std::vector<BoundMatrix>& into) { recorded_ = &into; }

  // The views are in place and filled: whatever is derived from them may be made.
  bool placed() const { return block_ != nullptr && reader_ == nullptr; }
  size_t total_bytes() const { return layout_.total_bytes(); }
  // The first thing that went wrong; nothing is read after it.
  const Status& status() const { return status_; }

 private:
  BlockMatrix Blocks(const std::string& name, BlockFormat format, int in, int out);
  bool reading() const { return reader_ != nullptr && status_.has_value(); }
  const WeightPlan& plan_;
  std::string prefix_;
  const std::byte* block_;
  WeightLayout layout_;
  WeightReader* reader_ = nullptr;
  // Those laid out so far: a head that is tied to the words has theirs.
  std::map<std::string, BlockMatrix, std::less<>> blocks_;
  Status status_ = Ok();
  std::vector<BoundMatrix>* recorded_ = nullptr;
};

// What a family's file says about its checkpoints.
struct WeightNames {
  std::string what;                  // "BERT encoder", for messages
  std::string prefix;                // before every name
  std::vector<std::string> ignored;  // beginnings of names that an encoder can do without, after the prefix
};

// The first of `prefixes` under which the file has `probe`, else "": heads on top of an encoder put its tensors there.
std::string PrefixOf(const WeightSource& source, std::initializer_list<std::string_view> prefixes,
                     std::string_view probe);

struct PackedWeights {
  WeightMemory memory;
  uint64_t num_parameters = 0;
};

// The weights of `model` as `bind` lists them: from the packed file of an earlier start, or from the originals (and
// then the packed file is written). `fingerprint`: one line with everything that the layout depends on beside the plan.
Result<PackedWeights> LoadPackedWeights(ModelFolder& model, const EncoderOptions& options, const WeightPlan& plan,
                                        const std::string& fingerprint, const WeightNames& names,
                                        const std::function<void(WeightBinder&)>& bind);

}  // namespace bantam
