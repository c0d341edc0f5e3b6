// The middle of a gated feed-forward network: act(gate) * up, of rows in which both lie beside each other.
#pragma once

#include "layers/linear.h"

namespace bantam {

// Row by row the first `columns` values become act(them) * the next `columns`.
inline void GateRows(const Kernels& kernels, const Activations& rows, int num_rows, int columns,
                     enum Activation activation) {
  const GateArgs gate{.gate = rows.values,
                      .gate_stride = rows.stride,
                      .up = rows.values + columns,
                      .up_stride = rows.stride,
                      .out = rows.values,
                      .out_stride = rows.stride,
                      .num_rows = num_rows,
                      .columns = columns,
                      .activation = activation};
  kernels.table.gate(&gate);
}

}  // namespace bantam
