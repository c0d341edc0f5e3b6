// A model as people have it: a Hugging Face folder (config.json, tokenizer.json, safetensors, and for sentence encoders
// modules.json with its pooling), or a GGUF file, which reads as the folder it was converted from. Everything is
// validated here, once; later code sees only typed, checked values.
//
//   BANTAM_TRY(ModelFolder model, OpenModel("all-MiniLM-L6-v2"));   // store name or path
//   BANTAM_TRY(TensorView w, model.weights->Get("encoder.layer.0.output.dense.weight", {384, 1536}));
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file_io.h"
#include "base/json.h"
#include "files/model_use.h"
#include "files/sentence_types.h"
#include "files/weights_identity.h"
#include "tensor/row_order.h"
#include "tensor/tensor.h"

namespace bantam {

// Named tensors of one model, whatever files they lie in. Strict: asking for a name that is missing or misshapen is an
// error that says both shapes; Leftovers() lists names that nobody asked for. The views point into mapped files: they
// live as long as the source, may start at any byte, and a file that another process shortens raises SIGBUS, so loaders
// copy or pack what they keep and let go of the source. Get from one thread at a time.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  virtual Result<TensorView> Get(std::string_view name, const Shape& expected_shape) = 0;
  // Without an expectation, and without counting as asked for: for inspection. Null when absent.
  virtual const TensorView* Find(std::string_view name) const = 0;
  // The same for its type and shape alone: the bytes may be in another order.
  virtual const TensorView* Describe(std::string_view name) const { return Find(name); }
  bool Has(std::string_view name) const { return Describe(name) != nullptr; }
  // As Get, without a copy where the file has the rows in another order: for who copies row by row.
  struct Rows {
    TensorView view;
    RowOrder order;
  };
  virtual Result<Rows> GetRows(std::string_view name, const Shape& expected_shape) {
    BANTAM_TRY(TensorView view, Get(name, expected_shape));
    return Rows{std::move(view), {}};
  }
  virtual std::vector<std::string> Names() const = 0;
  virtual std::vector<std::string> Leftovers() const = 0;  // never asked for
  // A hint: these bytes of a tensor were copied. Their pages may go; they come back when somebody reads them again.
  // Any thread.
  virtual void Release(std::span<const std::byte>) const {}
};

class GgufFile;

struct ModelFolder {
  std::string name;  // as asked for; the folder's name for a path
  Path path;
  Path transformer_folder;   // where config.json and the weights lie: `path`, or a folder in it
  std::string architecture;  // config.json "model_type", e.g. "bert"; "static_embedding" for a table without one
  json::value config;        // config.json, parsed strictly
  Path tokenizer_json;       // empty when the folder has none
  SentenceConfig sentence;
  std::shared_ptr<WeightSource> weights;
  // Of the weights: from the store's manifest, else of the files themselves, when it is asked for.
  WeightsIdentity identity;
  // Where disposable packed copies may be written: inside the store's folder for a store model, empty otherwise.
  Path packed_folder;
  // Of a GGUF model its file, which then is `path` and `tokenizer_json`; `config` was made of its metadata.
  std::shared_ptr<const GgufFile> gguf;
  // Of a store model: as long as somebody has this, `bantam rm` leaves it alone.
  std::shared_ptr<const ModelUse> in_use;

  // What errors about `config` begin with.
  Path config_path() const { return gguf != nullptr ? path : transformer_folder / "config.json"; }
};

// `reference`: a name in the model store (":latest" is accepted and dropped), or a path (contains '/', is '.', or is a
// file that ends in .gguf).
// kNotFound lists what the store holds and the command that fetches the default model. `store`: another folder than
// $BANTAM_HOME/models.
Result<ModelFolder> OpenModel(std::string_view reference, const std::optional<Path>& store = {});
Result<ModelFolder> OpenModelFolder(const Path& folder);  // or a GGUF file

}  // namespace bantam
