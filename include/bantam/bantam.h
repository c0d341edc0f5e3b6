/* Bantam's C interface: small language models inside a program, without a server and without Python.
 *
 *   #include <bantam/bantam.h>
 *   #include <stdio.h>
 *   #include <stdlib.h>
 *
 *   int main(void) {
 *     bantam_model *model = NULL;
 *     bantam_model_options options = {.struct_size = sizeof options, .dtype = BANTAM_DTYPE_INT8};
 *     if (bantam_model_load("all-MiniLM-L6-v2", &options, &model) != BANTAM_OK) {
 *       fprintf(stderr, "%s\n", bantam_last_error());
 *       return 1;
 *     }
 *     size_t dimensions = (size_t)bantam_model_describe(model)->dimensions;
 *     float *vector = malloc(dimensions * sizeof *vector);
 *     bantam_status status = bantam_model_embed(model, "Where is my refund?", BANTAM_C_STRING, NULL, vector,
 * dimensions, NULL);
 *     ...
 *     free(vector);
 *     bantam_model_free(model);
 *   }
 *
 * Link with `pkg-config --cflags --libs bantam`, or in CMake with bantam::bantam after find_package(bantam).
 *
 * Errors. Every function that can fail returns a bantam_status and leaves its results untouched when that is not
 * BANTAM_OK, except float buffers, whose contents are then undefined. bantam_last_error() says in one line what was
 * wrong and how to mend it. No function throws, exits, prints or raises a signal handler; only a mistake of the
 * library's own, which no input can cause, ends the process by abort().
 *
 * Memory. What the library hands out through `out` is freed by the function named after it (bantam_model ->
 * bantam_model_free), which accepts NULL. What the caller passes in is read during the call and never kept, except that
 * a callback and its user_data stay in use until the handle they were given to is freed. Pointers inside a result live
 * as long as the result.
 *
 * Text is UTF-8, given by address and size in bytes; BANTAM_C_STRING as the size means that it ends with a NUL. Text
 * that is not well-formed UTF-8 is refused with BANTAM_INVALID_ARGUMENT, which names the first wrong byte: nothing is
 * silently read as something else. Text never becomes a special token of the model ("[SEP]" is five characters).
 * Strings that come back are well-formed UTF-8, never NULL, and end with a NUL.
 *
 * Threads. Every function may be called from any thread, several on one handle at a time, except that freeing a handle
 * must be the last call on it. The library starts no thread that it was not given: with num_threads = 1, the default,
 * everything is computed on the thread that calls; with n, n - 1 are started when the handle is made and end when it is
 * freed (an assistant that has to train its head starts as many again for the time of its loading). Calls that come
 * while another one computes are packed into its next batch.
 *
 * State of the process. The library has none that a caller could set: two handles never see each other's options, and
 * log lines go to the sink of the handle they are about. Of the environment it reads BANTAM_ISA, once, which forces the
 * kernels of an instruction set (see `bantam info`); BANTAM_HOME, XDG_DATA_HOME and HOME when a model is named without
 * a path and without a store_folder; TZ by way of the C library when a form asks for a date; and the variables that a
 * route file itself names (os.environ/NAME). It installs no signal handler and changes no locale or working directory.
 *
 * Versions. Within one soname (libbantam.so.0) functions, enumerators and struct members are only added. Structs that
 * the caller fills begin with struct_size, to be set to sizeof of the struct: a member that is zero, or beyond
 * struct_size, has its default, and a member set that the library does not know yet is refused. Structs that the
 * library hands out begin with struct_size too: it says how much of the struct the library filled.
 */
#ifndef BANTAM_BANTAM_H
#define BANTAM_BANTAM_H

#include <stddef.h>
#include <stdint.h>

#define BANTAM_VERSION_MAJOR 0
#define BANTAM_VERSION_MINOR 1
#define BANTAM_VERSION_PATCH 0

#if defined(__GNUC__)
#define BANTAM_API __attribute__((visibility("default")))
#else
#define BANTAM_API
#endif

/* An int in every language: C++ too may hold a number here that a later library has a name for. */
#ifdef __cplusplus
#define BANTAM_INT_ENUM : int
extern "C" {
#else
#define BANTAM_INT_ENUM
#endif

/* -- Versions and errors -- */

/* Of the library that is linked, "0.1.0". */
BANTAM_API const char* bantam_version(void);

typedef enum bantam_status BANTAM_INT_ENUM {
  BANTAM_OK = 0,
  BANTAM_INVALID_ARGUMENT = 1, /* the call is wrong */
  BANTAM_NOT_FOUND = 2,        /* a named thing does not exist */
  BANTAM_UNSUPPORTED = 3,      /* well formed, but not something this library does */
  BANTAM_CORRUPT = 4,          /* bytes on disk or on the wire that break their format */
  BANTAM_CONFLICT = 5,         /* the state does not allow it now: locked by another process, already exists */
  BANTAM_UNAUTHENTICATED = 6,
  BANTAM_FORBIDDEN = 7,
  BANTAM_TOO_LARGE = 8,
  BANTAM_OVERLOADED = 9, /* a bounded queue is full; try again later */
  BANTAM_OUT_OF_MEMORY = 10,
  BANTAM_OUT_OF_DISK = 11,
  BANTAM_DEADLINE = 12, /* the timeout_ms of the call passed */
  BANTAM_CANCELLED = 13,
  BANTAM_UNAVAILABLE = 14, /* something else failed: the file system, the network, a service */
  BANTAM_INTERNAL = 15,    /* a bug of ours */
  BANTAM_BAD_CONFIG = 16   /* the route file is wrong; the message names file, line and mend */
} bantam_status;

/* "not found", "out of memory" and so on; "unknown" for a number that is none of them. */
BANTAM_API const char* bantam_status_name(bantam_status status);

/* What went wrong in the last call of this thread that failed; "" before the first. A call that succeeds leaves it.
   Safe to print on a terminal. Valid until this thread's next call that fails. */
BANTAM_API const char* bantam_last_error(void);

/* -- Common types -- */

/* As a size of text: it ends with a NUL. */
#define BANTAM_C_STRING SIZE_MAX

/* One text may have 64 MiB, a question to an assistant 1 MiB; above that is BANTAM_TOO_LARGE. */
#define BANTAM_MAX_TEXT_BYTES ((size_t)64 << 20)
#define BANTAM_MAX_QUESTION_BYTES ((size_t)1 << 20)

typedef struct bantam_text {
  const char* data; /* may be NULL when size is 0 */
  size_t size;      /* bytes, or BANTAM_C_STRING */
} bantam_text;

/* A string of the library's making. */
typedef struct bantam_string {
  size_t struct_size;
  const char* data;
  size_t size; /* bytes, without the NUL behind them */
} bantam_string;
BANTAM_API void bantam_string_free(bantam_string* string);

typedef enum bantam_log_level BANTAM_INT_ENUM {
  BANTAM_LOG_DEBUG = 0,
  BANTAM_LOG_INFO = 1,
  BANTAM_LOG_WARNING = 2,
  BANTAM_LOG_ERROR = 3
} bantam_log_level;

/* Gets the log lines of one handle, each without a line end. Called on the thread that calls into the library, during
   the call, so by several at a time if the host calls from several. Must not call back into the library with the same
   handle. Without a sink log lines go nowhere. */
typedef void (*bantam_log_fn)(void* user_data, bantam_log_level level, const char* line);

/* As num_threads: as many as the process may use (its affinity mask and its control group's quota). */
#define BANTAM_ALL_THREADS (-1)

/* -- Models -- */

/* What the weights are held as. Smaller is faster, and the vectors differ a little. Weights that are stored as
   integers (`bantam quantize`) stay what they are, whatever is asked for. */
typedef enum bantam_dtype BANTAM_INT_ENUM {
  BANTAM_DTYPE_F32 = 0, /* as the reference libraries compute */
  BANTAM_DTYPE_INT8 = 1,
  BANTAM_DTYPE_INT4 = 2
} bantam_dtype;

/* What a model is loaded for. */
typedef enum bantam_task BANTAM_INT_ENUM {
  BANTAM_TASK_EMBED = 0, /* embeddings */
  BANTAM_TASK_HEAD = 1 /* the head on top of the encoder, as config.json has it: labels of texts, of spans, of pairs */
} bantam_task;

typedef struct bantam_model_options {
  size_t struct_size;
  bantam_dtype dtype;
  int32_t num_threads;      /* 0: 1, the thread that calls; BANTAM_ALL_THREADS */
  const char* store_folder; /* where a name is looked up; NULL: the models of the `bantam` command */
  int32_t no_packed_files;  /* 1: neither read nor write copies of the weights that make the next start faster; they lie
                               inside the store, never in a folder given by path */
  bantam_log_fn log;        /* or NULL */
  void* log_user_data;
  bantam_task task;
} bantam_model_options;

/* A text encoder with its tokenizer. */
typedef struct bantam_model bantam_model;

/* reference: a folder, if it contains a slash or is "."; else a name in the store. options: NULL for all defaults. */
BANTAM_API bantam_status bantam_model_load(const char* reference, const bantam_model_options* options,
                                           bantam_model** out);
BANTAM_API void bantam_model_free(bantam_model* model);

typedef struct bantam_model_info {
  size_t struct_size;
  const char* name;           /* as it was asked for; the folder's name for a path */
  const char* architecture;   /* "bert" */
  const char* dtype;          /* "f32", "int8", "int4": what most of the layers are */
  const char* isa;            /* the kernels in use: "avx512bf16" */
  const char* weights_sha256; /* identity of the weights, 64 hexadecimal digits */
  int32_t dimensions;         /* of an embedding */
  int32_t max_tokens;         /* longer texts are cut, and say so */
  int32_t num_layers;         /* 0: not a stack of layers, as a static embedding */
  int32_t vocab_size;         /* of the tokenizer: one more than the largest id */
  int32_t num_threads;        /* that compute, the calling one included */
  uint64_t num_parameters;
  uint64_t weight_bytes;     /* in memory */
  const char* head;          /* "sequence classification", "token classification", "question answering",
                                "masked language model"; "" for none, and when loaded for embeddings */
  size_t num_labels;         /* of the head */
  const char* const* labels; /* [num_labels] */
  int32_t multi_label;       /* 1: any number of them at once */
} bantam_model_info;

/* Lives as long as the model. NULL for NULL. */
BANTAM_API const bantam_model_info* bantam_model_describe(const bantam_model* model);

/* -- Embeddings -- */

typedef struct bantam_embed_options {
  size_t struct_size;
  uint32_t timeout_ms;     /* 0: none. Looked at before a batch is begun */
  const char* prompt;      /* goes before each text, "" for nothing; NULL: the model's default prompt, if it has one */
  const char* prompt_name; /* one of the model's own prompts, in place of `prompt`; NULL: none is named */
  int32_t dimensions;      /* Matryoshka: so many first values, given length 1 again; 0, or all of them: as they are */
} bantam_embed_options;

/* What became of a text. */
typedef struct bantam_text_info {
  uint32_t num_tokens; /* that the model read, special ones included */
  uint32_t truncated;  /* 1: the text was longer than max_tokens */
} bantam_text_info;

/* vector: [dimensions], those of the options or of the model; capacity: how many floats it has room for, at least
   dimensions. info may be NULL. An empty text
   is a text: its embedding is that of the special tokens alone, where the model has any. */
BANTAM_API bantam_status bantam_model_embed(bantam_model* model, const char* text, size_t text_size,
                                            const bantam_embed_options* options, float* vector, size_t capacity,
                                            bantam_text_info* info);

/* vectors: [num_texts, dimensions], row-major; capacity: floats, at least num_texts * dimensions.
   infos: [num_texts] or NULL. No texts is a success that writes nothing. An error names the text by its number, from 0.
 */
BANTAM_API bantam_status bantam_model_embed_batch(bantam_model* model, const bantam_text* texts, size_t num_texts,
                                                  const bantam_embed_options* options, float* vectors, size_t capacity,
                                                  bantam_text_info* infos);

/* -- Heads: labels of texts, spans and documents -- */

/* These need a model that was loaded with task = BANTAM_TASK_HEAD and has such a head; another is BANTAM_UNSUPPORTED,
   and the message says what it has. */

/* A text, or two that are read together: premise and hypothesis, question and answer. */
typedef struct bantam_input {
  bantam_text text;
  bantam_text pair; /* data NULL: none */
} bantam_input;

/* From the head's numbers to scores. */
typedef enum bantam_score_function BANTAM_INT_ENUM {
  BANTAM_SCORE_DEFAULT = 0, /* as the model's files say */
  BANTAM_SCORE_SOFTMAX = 1,
  BANTAM_SCORE_SIGMOID = 2,
  BANTAM_SCORE_NONE = 3 /* the numbers as they are */
} bantam_score_function;

typedef struct bantam_classify_options {
  size_t struct_size;
  bantam_score_function function;
  uint32_t timeout_ms; /* 0: none */
} bantam_classify_options;

/* scores: [num_inputs, num_labels], the labels in the order of bantam_model_info; capacity: floats.
   infos: [num_inputs] or NULL. */
BANTAM_API bantam_status bantam_model_classify(bantam_model* model, const bantam_input* inputs, size_t num_inputs,
                                               const bantam_classify_options* options, float* scores, size_t capacity,
                                               bantam_text_info* infos);

typedef struct bantam_rerank_options {
  size_t struct_size;
  bantam_score_function function; /* default, sigmoid or none */
  size_t top_n;                   /* 0: all */
  uint32_t timeout_ms;            /* 0: none */
} bantam_rerank_options;

typedef struct bantam_document {
  size_t index; /* in the documents as they were given */
  float score;
  uint32_t num_tokens; /* of query and document, as the model read them */
  uint32_t truncated;  /* 1: they were longer than that */
  uint32_t reserved;   /* 0 */
} bantam_document;

/* results: [top_n], or [num_documents] for all; capacity: how many there is room for. num_results: how many were
   written, best first. */
BANTAM_API bantam_status bantam_model_rerank(bantam_model* model, const char* query, size_t query_size,
                                             const bantam_text* documents, size_t num_documents,
                                             const bantam_rerank_options* options, bantam_document* results,
                                             size_t capacity, size_t* num_results);

/* How tokens with labels become spans. */
typedef enum bantam_aggregation BANTAM_INT_ENUM {
  BANTAM_AGGREGATION_SIMPLE = 0,  /* tokens next to each other with one label */
  BANTAM_AGGREGATION_FIRST = 1,   /* words, labelled as their first token */
  BANTAM_AGGREGATION_AVERAGE = 2, /* words, by the average of their tokens' scores */
  BANTAM_AGGREGATION_MAX = 3,     /* words, by the token that is surest */
  BANTAM_AGGREGATION_NONE = 4     /* every token by itself */
} bantam_aggregation;

typedef struct bantam_tag_options {
  size_t struct_size;
  bantam_aggregation aggregation;
  int32_t code_points;  /* 1: begin and end count code points; 0: bytes */
  int32_t keep_outside; /* 1: spans labelled "O" too */
  uint32_t timeout_ms;  /* 0: none */
} bantam_tag_options;

typedef struct bantam_tagged_span {
  const char* label; /* "PER" */
  const char* word;  /* as the tokenizer reads it */
  uint32_t begin, end;
  float score;
} bantam_tagged_span;

typedef struct bantam_tags {
  size_t struct_size;
  size_t num_spans;
  const bantam_tagged_span* spans; /* [num_spans], in the order of the text */
  size_t num_tokens;               /* of all windows that were read */
  size_t num_windows;              /* more than 1: the text is longer than the model reads, and was read in pieces */
} bantam_tags;

BANTAM_API bantam_status bantam_model_tag(bantam_model* model, const char* text, size_t text_size,
                                          const bantam_tag_options* options, bantam_tags** out);
BANTAM_API void bantam_tags_free(bantam_tags* tags);

/* -- Tokens -- */

/* Text to the ids that a model reads, and back, as the reference tokenizers do it. Immutable. */
typedef struct bantam_tokenizer bantam_tokenizer;

/* A model's own. Lives as long as the model; never free it. NULL for NULL. */
BANTAM_API const bantam_tokenizer* bantam_model_tokenizer(const bantam_model* model);

/* One without its model. path: a model's folder, or a file: tokenizer.json, vocab.txt, vocab.json with merges.txt
   beside it, SentencePiece's *.model, tiktoken's *.tiktoken. */
BANTAM_API bantam_status bantam_tokenizer_load(const char* path, bantam_tokenizer** out);
BANTAM_API void bantam_tokenizer_free(bantam_tokenizer* tokenizer);

typedef struct bantam_encode_options {
  size_t struct_size;
  int32_t no_special_tokens; /* 1: without [CLS], [SEP] and the like around the text */
  int32_t offsets;           /* 1: say where in the text each token lies */
  int32_t code_points;       /* 1: offsets count code points, as the reference libraries; 0: bytes */
  size_t max_tokens;         /* special ones included; 0: no limit. Cut on the right */
} bantam_encode_options;

/* From begin to before end; both 0 for a token that is not of the text. */
typedef struct bantam_span {
  uint32_t begin, end;
} bantam_span;

typedef struct bantam_tokens {
  size_t struct_size;
  size_t num_tokens;
  const int32_t* ids;         /* [num_tokens] */
  const bantam_span* offsets; /* [num_tokens], or NULL when they were not asked for */
  size_t num_before_cut;      /* more than num_tokens: the text was cut */
} bantam_tokens;

BANTAM_API bantam_status bantam_tokenizer_encode(const bantam_tokenizer* tokenizer, const char* text, size_t text_size,
                                                 const bantam_encode_options* options, bantam_tokens** out);
BANTAM_API void bantam_tokens_free(bantam_tokens* tokens);

typedef struct bantam_decode_options {
  size_t struct_size;
  int32_t keep_special_tokens; /* 1: "[CLS]" and the like stay in the text */
} bantam_decode_options;

/* Ids that the tokenizer does not know are refused. */
BANTAM_API bantam_status bantam_tokenizer_decode(const bantam_tokenizer* tokenizer, const int32_t* ids, size_t num_ids,
                                                 const bantam_decode_options* options, bantam_string** out);

/* One more than the largest id; 0 for NULL. */
BANTAM_API int32_t bantam_tokenizer_vocab_size(const bantam_tokenizer* tokenizer);

/* The token as the vocabulary writes it ("##fund", "\u0120the"). out: not NUL-terminated; lives as long as the
 * tokenizer. */
BANTAM_API bantam_status bantam_tokenizer_token(const bantam_tokenizer* tokenizer, int32_t id, bantam_text* out);

/* -- Decisions -- */

/* The assistant of a route file: decides which route a text takes, how surely, and what is answered. */
typedef struct bantam_assistant bantam_assistant;

/* Called while an assistant loads: embedding its examples and training its head, which takes seconds unless a state
   folder holds them already. fraction: of this stage, 0 to 1. */
typedef void (*bantam_progress_fn)(void* user_data, const char* stage, double fraction);

typedef struct bantam_assistant_options {
  size_t struct_size;
  bantam_model* model; /* the encoder; may be freed before the assistant. NULL: the one that the file names is loaded */
  const char* store_folder; /* where the file's encoder is looked up; NULL: the models of the `bantam` command */
  const char*
      state_folder;    /* the head, the cache of answers, conversations and the audit log, made if missing and locked
                          against other processes. NULL: in memory, nothing is written, no cache, no audit log */
  int32_t num_threads; /* as in bantam_model_options; of the encoder when it is loaded here, and of the training */
  int32_t network;     /* 1: services and large models that the file names are called. 0: nothing leaves the process;
                          an answer then says in `model` who should be asked */
  bantam_log_fn log;   /* or NULL */
  void* log_user_data;
  bantam_progress_fn progress; /* or NULL */
  void* progress_user_data;
  int32_t offline_queue; /* 1: a question for a large model that cannot be asked now, because of network = 0 or because
                            it is out of reach, is kept in the state folder (which there must be) until
                            bantam_assistant_send_queued. Up to 1,000 questions or 16 MiB */
} bantam_assistant_options;

/* route_file: its path. BANTAM_BAD_CONFIG has a line for each mistake in it. */
BANTAM_API bantam_status bantam_assistant_load(const char* route_file, const bantam_assistant_options* options,
                                               bantam_assistant** out);
BANTAM_API void bantam_assistant_free(bantam_assistant* assistant);

typedef struct bantam_assistant_info {
  size_t struct_size;
  const char* name;              /* the file's */
  const char* route_file_sha256; /* of the file and its example files */
  const char* model;             /* the encoder's name */
  size_t num_routes;
  const char* const* routes; /* [num_routes], in the file's order */
  double threshold;          /* the trained head's own; a route or the file may have another */
} bantam_assistant_info;
BANTAM_API const bantam_assistant_info* bantam_assistant_describe(const bantam_assistant* assistant);

typedef struct bantam_message {
  const char* role; /* "user", "assistant", "system" */
  bantam_text content;
} bantam_message;

typedef struct bantam_decide_options {
  size_t struct_size;
  const char* session_id;        /* keeps a form's state between calls; NULL or "": rebuilt from the history */
  const char* tenant;            /* separates sessions and cached answers; NULL or "": none */
  const char* request_id;        /* for the audit log; NULL or "": one is made */
  const bantam_message* history; /* [num_history], what was said before, oldest first */
  size_t num_history;
  int32_t no_store;    /* 1: neither read nor write the cache of answers */
  uint32_t timeout_ms; /* 0: none */
} bantam_decide_options;

typedef enum bantam_source BANTAM_INT_ENUM {
  BANTAM_SOURCE_RULE = 0,        /* a form's next step */
  BANTAM_SOURCE_CACHE = 1,       /* an earlier answer to the same question */
  BANTAM_SOURCE_LOCAL_MODEL = 2, /* the head chose the route, or said that it is unsure */
  BANTAM_SOURCE_UPSTREAM = 3     /* the large model */
} bantam_source;

typedef enum bantam_decision BANTAM_INT_ENUM {
  BANTAM_DECISION_ANSWER = 0,
  BANTAM_DECISION_FORM = 1,
  BANTAM_DECISION_ESCALATE = 2,
  BANTAM_DECISION_UNSURE = 3,
  BANTAM_DECISION_CLARIFY = 4 /* the text asks which of a few routes is meant */
} bantam_decision;

/* An example of the route file that lies near the text. */
typedef struct bantam_nearest {
  const char* text;
  const char* route;
  float similarity; /* cosine */
} bantam_nearest;

typedef struct bantam_slot {
  const char* name;
  const char* value;
} bantam_slot;

typedef struct bantam_form {
  size_t struct_size;
  const char* name;
  const char* state; /* "asking", "confirming", "done", "cancelled", "failed" */
  const char* asked; /* the slot that the answer asks for; "" for none */
  size_t num_slots;
  const bantam_slot* slots; /* [num_slots], the filled ones in the form's order */
  size_t num_missing;
  const char* const* missing; /* [num_missing], names */
} bantam_form;

/* The error budget that an answer was held to: of those from `threshold` on at most max_error have a wrong route, with
   a certainty of 1 - delta. */
typedef struct bantam_budget {
  double max_error, delta;
  double threshold;        /* infinity: the calibration messages cannot show it, so nothing is answered here */
  int32_t num_calibration; /* messages that it was certified on */
  int32_t reserved;        /* 0 */
} bantam_budget;

/* One request of a message that holds several. */
typedef struct bantam_part {
  const char* text;
  const char* route;
  float confidence;
  uint32_t reserved; /* 0 */
} bantam_part;

typedef struct bantam_answer {
  size_t struct_size;
  const char* route; /* the route taken; "" for none */
  int32_t accepted;  /* 1: a route was taken */
  float confidence;  /* calibrated: of answers at 0.9 about 90 % are right; 1 for a rule */
  float threshold;   /* the one that applied; infinity: no confidence would do */
  bantam_source source;
  bantam_decision decision;
  const char* text;    /* what to say */
  size_t text_size;    /* bytes, without the NUL behind them */
  const char* model;   /* the large model that answered, or that should be asked; "" for none */
  const char* problem; /* why a large model could not be asked, in words; "" for none */
  size_t num_nearest;
  const bantam_nearest* nearest; /* [num_nearest], nearest first */
  const bantam_form* form;       /* NULL: no form */
  int32_t exit_layer;            /* of the encoder, after which it was decided early; 0: it needed all */
  uint32_t num_tokens;           /* that the encoder or the large model read; 0 when neither was asked */
  double latency_ms;
  double cost;            /* of a large model, in the currency of the route file's prices */
  const char* request_id; /* the caller's, or the one that was made */
  int32_t queued;         /* 1: kept for bantam_assistant_send_queued; `text` is what is said meanwhile */
  int32_t has_p_correct;  /* 0: nothing was estimated, as in a form's next step */
  double p_correct;       /* the chance that the likeliest route is the right one */
  size_t num_prediction_set;
  const char* const* prediction_set; /* [num_prediction_set], routes, likeliest first: one of them is right, 95 times
                                        in 100 */
  const bantam_budget* budget;       /* NULL: the route file has a threshold instead */
  const char* calibration_id;        /* of the messages that it was calibrated on; "" for none */
  size_t num_parts;
  const bantam_part*
      parts; /* [num_parts], of a message that holds several requests (decision.multiple); 0: it is one */
} bantam_answer;

/* Decides and acts: runs the route's action, goes a step on in a form, keeps the answer. A text that says nothing (no
   letters, digits or signs that the encoder knows) is BANTAM_INVALID_ARGUMENT. options may be NULL. */
BANTAM_API bantam_status bantam_assistant_decide(bantam_assistant* assistant, const char* text, size_t text_size,
                                                 const bantam_decide_options* options, bantam_answer** out);
BANTAM_API void bantam_answer_free(bantam_answer* answer);

/* -- The offline queue -- */

/* How many questions wait for their large model. */
BANTAM_API bantam_status bantam_assistant_count_queued(bantam_assistant* assistant, size_t* out);

/* One that has left the queue. */
typedef struct bantam_sent {
  size_t struct_size;
  const char* request_id; /* of the answer that said it was queued */
  const char* session_id;
  const char* tenant;
  const char* model;
  const char* question;
  const char* text;    /* the large model's answer */
  const char* problem; /* "": it was answered. Otherwise it is given up, and this says why */
  double cost;
} bantam_sent;

/* Lives until it returns. Must not call back into the library with the same handle. */
typedef void (*bantam_sent_fn)(void* user_data, const bantam_sent* sent);

typedef struct bantam_send_options {
  size_t struct_size;
  bantam_sent_fn sent; /* required */
  void* user_data;
  uint32_t timeout_ms; /* 0: none; of the whole call */
} bantam_send_options;

/* Asks the large models what was queued for them, oldest first, on the thread that calls: the one function that uses
   the network with network = 0. A question leaves the queue once `sent` has returned, so that one is asked again when
   the process ends meanwhile. BANTAM_OK: none is left. BANTAM_UNAVAILABLE, BANTAM_DEADLINE: some stay for the next
   call, and the message says why. */
BANTAM_API bantam_status bantam_assistant_send_queued(bantam_assistant* assistant, const bantam_send_options* options);

typedef struct bantam_ranked {
  const char* route;
  float probability; /* if the text is in scope at all */
} bantam_ranked;

typedef struct bantam_explanation {
  size_t struct_size;
  const char* route;          /* that would be taken; "" below the threshold */
  const char* likeliest;      /* the likeliest route, taken or not */
  const char* action;         /* what would be done: "respond utter_hours" */
  const char* threshold_from; /* "route", "route file", "head" or "error budget" */
  float confidence, threshold;
  float out_of_scope; /* probability that no route fits */
  bantam_decision decision;
  size_t num_ranked;
  const bantam_ranked* ranked; /* [num_ranked], likeliest first */
  size_t num_nearest;
  const bantam_nearest* nearest; /* [num_nearest], nearest first */
  int32_t exit_layer;
  uint32_t num_tokens;
} bantam_explanation;

/* Why a text is decided as it is. Nothing is done, called or kept. */
BANTAM_API bantam_status bantam_assistant_explain(bantam_assistant* assistant, const char* text, size_t text_size,
                                                  bantam_explanation** out);
BANTAM_API void bantam_explanation_free(bantam_explanation* explanation);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* BANTAM_BANTAM_H */
