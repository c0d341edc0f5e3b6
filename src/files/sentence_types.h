// How an embedding model turns token vectors into its answer: pooling, the modules after it, prompts and limits, as
// read and checked by sentence_config.h, sentence_modules.h and sentence_prompts.h.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file_io.h"

namespace bantam {

enum class PoolingMode { kMean, kCls, kMax, kMeanSqrtLen, kLastToken, kWeightedMean };

std::string_view PoolingModeName(PoolingMode mode);  // "mean", "cls", ..., as sentence-transformers spells them

// What follows a Dense module's product; each is the PyTorch class of that name with its default arguments.
enum class DenseActivation { kIdentity, kTanh, kRelu, kGelu, kSilu, kSigmoid, kLeakyRelu, kElu, kSoftplus };

std::string_view DenseActivationName(DenseActivation activation);  // "Tanh", as the class

// One module of modules.json beside the transformer and the pooling.
struct SentenceModule {
  enum class Kind { kDense, kLayerNorm, kNormalize, kTruncate };
  Kind kind = Kind::kNormalize;
  std::string name = {};      // "2_Dense", for people
  Path folder = {};           // where its weights lie
  bool on_tokens = false;     // works on each token's vector, before the pooling
  int in_features = 0;        // kDense
  int out_features = 0;       // kDense, kLayerNorm (its width), kTruncate (how many are kept)
  bool bias = true;           // kDense
  bool residual = false;      // kDense: the input, projected where the widths differ, is added
  bool among_others = false;  // kDense: its weights lie in the encoder's own file
  DenseActivation activation = DenseActivation::kTanh;
};

// A vector for each token (ColBERT, late interaction) in place of one for the text.
struct MultiVectorConfig {
  bool on = false;
  int query_length = 0, document_length = 0;  // tokens that are read; 0: as max_seq_length
  // Queries shorter than this are filled up with expansion tokens, whose vectors count too; 0: none are.
  int expansion_length = 0;
  bool expansion_is_limit = true;       // longer queries are cut at expansion_length
  bool attend = false;                  // whether the other tokens see the expansion tokens
  std::string expansion_token;          // "[MASK]" mostly
  std::vector<std::string> skip_words;  // tokens whose vectors are left out
  bool skip_in_queries = false, skip_in_documents = true;
  bool prefixes_are_tokens = false;  // a prompt's first word is one token even where the tokenizer would cut it up
};

// config_sentence_transformers.json: what goes before a text, by name.
struct SentencePrompts {
  std::vector<std::pair<std::string, std::string>> texts;  // name, text; in the file's order
  std::string default_name;                                // "" for none, else one of the names
  const std::string* Find(std::string_view name) const {
    for (const auto& [key, text] : texts) {
      if (key == name) return &text;
    }
    return nullptr;
  }
};

// A weight for each word of the vocabulary (SPLADE) in place of a dense vector: log(1 + relu(logit)) of a masked
// language model's head, pooled over the tokens.
struct SparseConfig {
  bool on = false;
  bool sum = false;    // over the tokens; else the largest
  bool twice = false;  // log(1 + .) once more
};

// From modules.json and what it names; a folder without modules.json gets mean pooling and no normalisation, as
// sentence-transformers does.
struct SentenceConfig {
  PoolingMode pooling = PoolingMode::kMean;  // the first of pooling_modes
  bool normalize = false;                    // the last step gives vectors of length 1
  bool add_special_tokens = true;            // static embeddings read the words alone
  // sentence_bert_config.json, else tokenizer_config/config limits; includes special tokens; 0 = unknown
  int max_seq_length = 0;
  std::vector<PoolingMode> pooling_modes = {PoolingMode::kMean};  // their vectors one after the other
  bool include_prompt = true;                                     // false: the prompt's tokens are not pooled
  std::vector<SentenceModule> modules;                            // empty when pooling and `normalize` say everything
  SentencePrompts prompts;
  MultiVectorConfig multi_vector;
  SparseConfig sparse;
  std::string identity;  // of the modules and their weights; "" when `modules` is empty

  // Whether there is more to do than Pool(hidden, pooling, normalize).
  bool needs_head() const { return !modules.empty() || pooling_modes.size() > 1 || !include_prompt; }
};

}  // namespace bantam
