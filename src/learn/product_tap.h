// Kernels through which the f32 products of a model can be watched: what each reads, by the address of its weights.
//
//   ProductTap tap(**SelectKernels(), [&](const GemmF32Args& args) { ... });
//   LoadDecoder(model, {.weight_type = WeightType::kF32, .use_packed_files = false, .units = &units,
//                       .kernels = &tap.kernels()});
//   // ... forward passes; units[i].packed_f32 == args.packed says whose input it is
#pragma once

#include <functional>

#include "kernels/isa.h"

namespace bantam {

// One at a time in the whole process, for the kernels' table has no room for a context: the constructor waits.
class ProductTap {
 public:
  // `seen` is called from every thread that computes, once for each row of each product.
  ProductTap(const Kernels& kernels, std::function<void(const GemmF32Args& args)> seen);
  ~ProductTap();
  ProductTap(const ProductTap&) = delete;
  ProductTap& operator=(const ProductTap&) = delete;
  const Kernels& kernels() const { return kernels_; }

 private:
  Kernels kernels_;
};

}  // namespace bantam
