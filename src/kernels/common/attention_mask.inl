// Which keys a query of an attention call sees, and what is added to their scores.

namespace bantam {
namespace {

BANTAM_INLINE int FirstKey(const struct AttentionArgs* args, int query) {
  const int position = args->query_position + query;
  return args->window > 0 && position > args->window ? position - args->window : 0;
}

// One past the last.
BANTAM_INLINE int LastKey(const struct AttentionArgs* args, int query) {
  const int position = args->query_position + query;
  int end = args->num_keys;
  if (args->causal != 0 && position + 1 < end) end = position + 1;
  if (args->window > 0 && position + args->window + 1 < end) end = position + args->window + 1;
  return end;
}

// scores[j] = scale * scores[j] + unit * bias[j] for the keys of [begin, end) that `query` sees, -inf for the others:
// their weights are exactly zero, so that a row's sums do not depend on the tile's range.
BANTAM_INLINE void BiasAndMask(const struct AttentionArgs* args, int query, int begin, int end, float scale, float unit,
                               float* scores) {
  const int first = FirstKey(args, query), last = LastKey(args, query);
  const float* bias = args->bias == NULL ? NULL : args->bias + query * args->bias_stride;
  for (int j = begin; j < end; j += kLanes) {
    const int lanes = end - j < kLanes ? end - j : kLanes;
    const Vec x = Mul(LoadPart(scores + j, lanes, Zero()), Set(scale));
    StorePart(scores + j, lanes, bias == NULL ? x : Add(x, Mul(LoadPart(bias + j, lanes, Zero()), Set(unit))));
  }
  for (int j = begin; j < first; ++j) scores[j] = -__builtin_inff();
  for (int j = last; j < end; ++j) scores[j] = -__builtin_inff();
}

}  // namespace
}  // namespace bantam
