// Fills the layers of a WeightLayout from the named tensors of a file, whatever types they are stored in and packed to.
// The one place that knows: an architecture only says which names make which layer.
//
//   WeightReader reader(source, plan, prefix);
//   BANTAM_RETURN_IF_ERROR(reader.ReadLinear({"self.query", "self.key", "self.value"}, layer.qkv));
//   ...
//   BANTAM_RETURN_IF_ERROR(reader.Finish("BERT encoder", ignored));
//
// Strict: a tensor that is missing, misshapen, of another type than the plan says or left over is an error that names
// it. One thread.
#pragma once

#include <initializer_list>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "files/model_folder.h"
#include "models/weight_layout.h"
#include "models/weight_plan.h"

namespace bantam {

class WeightReader {
 public:
  // `prefix` begins every name in the file ("bert." where a head was trained on top), "" for none.
  // `units`, or null: gets what was read, for those who choose types.
  WeightReader(WeightSource& source, const WeightPlan& plan, std::string prefix,
               std::vector<WeightUnit>* units = nullptr)
      : source_(source), plan_(plan), prefix_(std::move(prefix)), units_(units) {}

  // Of the original model: integers count as weights, their scales do not.
  uint64_t num_parameters() const { return num_parameters_; }

  bool Has(std::string_view name) const { return source_.Has(prefix_ + std::string(name)); }
  // A tensor of floats.
  Result<TensorView> Get(std::string_view name, const Shape& shape);
  Status Into(std::string_view name, const Shape& shape, std::span<float> out);

  // NAME.weight [out, in] and NAME.bias [out] for one name, or for several whose outputs are stacked in equal parts (q,
  // k, v), which the plan must give one type. Without bias, linear.bias stays zero.
  enum class Bias { kYes, kNo };
  Status ReadLinear(std::initializer_list<std::string> names, const Linear& linear, Bias bias = Bias::kYes);
  // The same from parts of unequal sizes.
  Status ReadLinear(std::span<const LinearPart> parts, const Linear& linear, Bias bias = Bias::kYes);
  // The layer's biases alone, one after the other. bias: [rows of all parts]
  Status ReadBiases(std::span<const LinearPart> parts, const float* bias);
  // NAME.weight [out, in] into a matrix of blocks: stored in its format, or floats for one of Q8_0. It is filled by
  // PackBlockMatrices.
  Status ReadBlocks(const std::string& name, const BlockMatrix& matrix);
  // NAME.weight [rows, columns] as floats, whatever the plan makes of it.
  Result<std::vector<float>> ReadMatrix(const std::string& name, int rows, int columns);
  // NAME.weight and NAME.bias, or gamma and beta as checkpoints converted from TensorFlow years ago call them.
  Status ReadNorm(const std::string& name, const LayerNorm& norm, Bias bias = Bias::kYes);
  // NAME.weight [vocab_size, hidden_size] into the word table.
  Status ReadWords(const std::string& name, int vocab_size, const Embedding& embedding);

  // The last call. Tensors that nobody asked for must begin with one of `ignored` (after the prefix): what an encoder
  // can do without. Names in the plan that are no layer are an error too. `what`: "BERT encoder", for messages.
  Status Finish(std::string_view what, std::span<const std::string> ignored) const;
  // After that: fills the matrices of blocks, all of them as one loop, which no thread has to wait in for others.
  void PackBlockMatrices(ThreadPool& pool);

 private:
  // One matrix of a layer or table, row by row.
  struct Matrix {
    TensorView values;
    TensorView scales;  // of stored integers
    int columns = 0;
  };
  Result<TensorView> GetAny(const std::string& full, const Shape& shape, DType expected);
  Result<Matrix> OpenMatrix(const std::string& name, WeightType type, int rows, int columns);
  // Row `row` as integers, stored or made here; returns the scale.
  void Count(const std::string& full, uint64_t parameters);
  float RowInt8(const Matrix& matrix, int row, std::span<int8_t> out);
  void RowInt4(const Matrix& matrix, int row, std::span<int8_t> out, std::span<uint16_t> scales);
  void PlaceRow(const Matrix& matrix, int row, int n, const Linear& linear);
  void Remember(std::span<const LinearPart> parts, int columns, bool table, const float* packed_f32);
  std::span<const float> RowF32(const Matrix& matrix, int row);

  struct BlockJob {
    WeightSource::Rows rows;
    BlockMatrix matrix;
    void Pack(int panel_begin, int panel_end) const;
    void PackFloats(int panel) const;
  };

  WeightSource& source_;
  const WeightPlan& plan_;
  std::string prefix_;
  std::vector<WeightUnit>* units_;
  std::set<std::string, std::less<>> layers_;  // names that the plan may speak of
  std::vector<float> scratch_;
  std::vector<int8_t> row_;
  std::vector<uint16_t> row_scales_;
  std::set<std::string, std::less<>> counted_;  // shared tensors are asked for more than once
  uint64_t num_parameters_ = 0;
  std::vector<BlockJob> block_jobs_;
};

}  // namespace bantam
