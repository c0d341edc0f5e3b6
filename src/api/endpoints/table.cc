// The one list of endpoints.
#include "api/endpoints/endpoint.h"

namespace bantam {

std::span<const Endpoint> Endpoints() {
  static constexpr Endpoint kEndpoints[] = {
      {"POST", "/v1/chat/completions", HandleChat, "OpenAI chat completions: talk to the assistant, or to a model"},
      {"POST", "/v1/completions", HandleCompletions, "OpenAI completions: a model goes on with a prompt"},
      {"POST", "/infill", HandleInfill, "llama.cpp's infill: what stands between a beginning and an end"},
      {"POST", "/v1/embeddings", HandleEmbeddings, "OpenAI embeddings", false, false, IsQuickEmbeddings},
      {"POST", "/embed", HandleTeiEmbed, "Sentence embeddings, as Text Embeddings Inference"},
      {"POST", "/embed_all", HandleTeiEmbedAll, "A vector for each token, as Text Embeddings Inference"},
      {"POST", "/embed_sparse", HandleTeiEmbedSparse, "Weights of words (SPLADE), as Text Embeddings Inference"},
      {"POST", "/v2/embed", HandleCohereEmbed, "Sentence embeddings, as Cohere"},
      {"POST", "/v1/embed", HandleCohereEmbed, "Sentence embeddings, as Cohere before version 2"},
      {"POST", "/v1/classify", HandleClassify,
       "Intents of texts, with calibrated confidence; or a classifier's labels"},
      {"POST", "/v1/rerank", HandleRerank, "Documents in order of relevance, as Jina and Cohere"},
      {"POST", "/v2/rerank", HandleRerank, "The same, as Cohere's version 2"},
      {"POST", "/v1/tag", HandleTag, "Labelled spans of texts: names, slots, parts of speech"},
      {"POST", "/v1/qa", HandleQa, "Answers that stand in a text"},
      {"POST", "/v1/fill-mask", HandleFillMask, "The likeliest words in the place of a mask"},
      {"GET", "/v1/models", HandleModels, "The served models"},
      {"GET", "/v1/models/", HandleModel, "One served model", false, true},
      {"GET", "/api/ps", HandleOllamaPs, "What is loaded, as Ollama"},
      {"GET", "/healthz", HandleHealth, "200 while the process lives", true},
      {"GET", "/readyz", HandleReady, "200 while requests are taken, 503 while draining", true},
      {"GET", "/metrics", HandleMetrics, "Prometheus metrics", true},
      {"GET", "/v1/console/stats", HandleConsoleStats, "Live counters of the console", true},
      {"GET", "/v1/console/examples", HandleConsoleExamples, "Questions to try", true},
      {"GET", "/", HandleConsole, "The console", true},
      {"GET", "/console.css", HandleConsole, "The console's style", true},
      {"GET", "/console.js", HandleConsole, "The console's script", true},
  };
  return kEndpoints;
}

}  // namespace bantam
