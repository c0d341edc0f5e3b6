// Tensors that a checkpoint stores in another order than the layers want them: under the same names, put right when
// they are asked for.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "files/model_folder.h"

namespace bantam {

class DerivedWeights final : public WeightSource {
 public:
  explicit DerivedWeights(std::shared_ptr<WeightSource> base) : base_(std::move(base)) {}

  // A matrix that is stored [in, out].
  void Transpose(std::string name) { changes_[std::move(name)].transposed = true; }
  // Row i of what is asked for is row from(i) of what is stored; of a vector the elements.
  void OrderRows(std::string name, std::function<size_t(size_t)> from) {
    changes_[std::move(name)].from = std::move(from);
  }

  Result<TensorView> Get(std::string_view name, const Shape& expected_shape) override;
  // As it is stored.
  const TensorView* Find(std::string_view name) const override { return base_->Find(name); }
  std::vector<std::string> Names() const override { return base_->Names(); }
  std::vector<std::string> Leftovers() const override { return base_->Leftovers(); }

 private:
  struct Change {
    bool transposed = false;
    std::function<size_t(size_t)> from;
    std::vector<std::byte> bytes;  // kept: views live as long as the source
  };
  std::shared_ptr<WeightSource> base_;
  std::map<std::string, Change, std::less<>> changes_;
};

}  // namespace bantam
