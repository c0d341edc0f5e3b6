// From the blocks of a GGUF file to the panels that products read (kernels/block_panels.h): the same bits in another
// order, within 4 % of the file's size.
//
//   const auto format = BlockFormatOf(weight.dtype);
//   std::vector<uint8_t> packed(PackedBlocksBytes(*format, out, in));
//   PackBlocks(weight, packed, 0, BlockPanels(out));
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "kernels/block_panels.h"
#include "tensor/row_order.h"
#include "tensor/tensor.h"

namespace bantam {

std::optional<BlockFormat> BlockFormatOf(DType dtype);
DType DTypeOf(BlockFormat format);

// weight: [out, in] in a block format. Fills panels [panel_begin, panel_end) of packed, [PackedBlocksBytes]; the
// columns of the last panel past `out` become zero; column n is the row that `order` says. Calls for different panels
// may run at the same time.
void PackBlocks(const TensorView& weight, std::span<uint8_t> packed, int panel_begin, int panel_end,
                const RowOrder& order = {});

}  // namespace bantam
