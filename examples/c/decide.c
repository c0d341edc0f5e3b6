// Decisions of a route file in process: no server, no network, no thread but this one.
//
//   decide ROUTE_FILE [STATE_FOLDER] < lines
//
// One line out for each line in: route, confidence, what decided, the answer. With a state folder the second start
// takes the trained head from there, and answers to questions asked before come from the cache.
#include <bantam/bantam.h>
#include <stdio.h>
#include <string.h>

static void print_log(void* user_data, bantam_log_level level, const char* line) {
  (void)user_data;
  if (level >= BANTAM_LOG_WARNING) fprintf(stderr, "decide: %s\n", line);
}

static const char* source_name(bantam_source source) {
  switch (source) {
    case BANTAM_SOURCE_RULE:
      return "rule";
    case BANTAM_SOURCE_CACHE:
      return "cache";
    case BANTAM_SOURCE_LOCAL_MODEL:
      return "local model";
    case BANTAM_SOURCE_UPSTREAM:
      return "upstream";
  }
  return "?";
}

static void print_answer(const bantam_answer* answer) {
  printf("%s\t%.3f\t%s\t%s", answer->accepted ? answer->route : "-", answer->confidence, source_name(answer->source),
         answer->text);
  // What a program does with it is its own affair: switch a lamp, or ask the large model that the file names.
  if (answer->model[0] != '\0') printf("\t(ask \"%s\")", answer->model);
  printf("\n");
}

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: decide ROUTE_FILE [STATE_FOLDER] < lines\n");
    return 64;
  }
  const bantam_assistant_options options = {
      .struct_size = sizeof options,
      .state_folder = argc == 3 ? argv[2] : NULL,
      .log = print_log,
  };
  bantam_assistant* assistant = NULL;
  if (bantam_assistant_load(argv[1], &options, &assistant) != BANTAM_OK) {
    fprintf(stderr, "decide: %s\n", bantam_last_error());
    return 1;
  }
  // One conversation: a form that asks back gets the next line.
  const bantam_decide_options in_session = {.struct_size = sizeof in_session, .session_id = "stdin"};
  char line[4096];
  int result = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    bantam_answer* answer = NULL;
    line[strcspn(line, "\n")] = '\0';
    if (bantam_assistant_decide(assistant, line, BANTAM_C_STRING, &in_session, &answer) == BANTAM_OK) {
      print_answer(answer);
      bantam_answer_free(answer);
    } else {
      fprintf(stderr, "decide: %s\n", bantam_last_error());
      result = 1;
    }
  }
  bantam_assistant_free(assistant);
  return result;
}
