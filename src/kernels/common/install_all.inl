// All kernels but the quantised products, for a level that has every one of them.

namespace bantam {
namespace {

void InstallAllInFloats(struct KernelTable* table) {
  table->gemm_f32 = GemmF32;
  table->quantize = Quantize;
  table->layer_norm = LayerNorm;
  table->attention = Attention;
  table->attention_approximate = Attention;
  table->embedding = Embedding;
  table->activate = Activate;
  table->softmax = Softmax;
  table->rms_norm = RmsNorm;
  table->rope = Rope;
  table->gate = Gate;
  table->paged_attention = PagedAttention;
  table->store_kv = StoreKv;
}

}  // namespace
}  // namespace bantam
