// Commands to a device at home, decided in process: no server, no network, no thread but this one, and well under 64
// MB.
//
//   home ROUTE_FILE STATE_FOLDER [--why] < lines
//
// One line out for each line in: route, confidence, what is to be done, what is said. What only a large model can
// answer is kept in the state folder, also when the device is switched off meanwhile, and sent at a line "/send".
#include <bantam/bantam.h>
#include <stdio.h>
#include <string.h>

static void print_log(void* user_data, bantam_log_level level, const char* line) {
  (void)user_data;
  if (level >= BANTAM_LOG_WARNING) fprintf(stderr, "home: %s\n", line);
}

// Where a real device would drive its lights: the route says what is wanted, the slots of a form that is done say how.
static void act(const bantam_answer* answer) {
  if (answer->queued) {
    printf("(asked later)");
  } else if (answer->decision == BANTAM_DECISION_ANSWER) {
    printf("do %s", answer->route);
  } else if (answer->form != NULL && strcmp(answer->form->state, "done") == 0) {
    printf("do %s", answer->route);
    for (size_t i = 0; i < answer->form->num_slots; ++i)
      printf(" %s=\"%s\"", answer->form->slots[i].name, answer->form->slots[i].value);
  } else {
    printf("-");
  }
}

// An answer may have several lines; here one is a line.
static void print_text(const char* text) {
  for (; *text != '\0'; ++text) putchar(*text == '\n' ? ' ' : *text);
}

// On what evidence. Nine digits tell floats apart, seventeen doubles.
static void print_why(const bantam_answer* answer) {
  printf("\tp_correct=");
  if (answer->has_p_correct) printf("%.17g", answer->p_correct);
  printf("\tset=");
  for (size_t i = 0; i < answer->num_prediction_set; ++i) printf("%s%s", i == 0 ? "" : ",", answer->prediction_set[i]);
  printf("\tbudget=");
  const bantam_budget* budget = answer->budget;
  if (budget != NULL)
    printf("%.17g,%.17g,%.17g,%d", budget->max_error, budget->delta, budget->threshold, (int)budget->num_calibration);
  printf("\tcalibration=%s", answer->calibration_id);
}

static void print_answer(const bantam_answer* answer, int why) {
  printf("%s\t%.9g\t", answer->accepted ? answer->route : "-", answer->confidence);
  act(answer);
  putchar('\t');
  print_text(answer->text);
  if (why) print_why(answer);
  printf("\n");
}

static void print_sent(void* user_data, const bantam_sent* sent) {
  (void)user_data;
  printf("%s\t", sent->question);
  print_text(sent->problem[0] == '\0' ? sent->text : sent->problem);
  putchar('\n');
}

static int decide(bantam_assistant* assistant, const char* line, int why) {
  // One conversation: a form that asks back gets the next line.
  const bantam_decide_options options = {.struct_size = sizeof options, .session_id = "stdin"};
  bantam_answer* answer = NULL;
  if (bantam_assistant_decide(assistant, line, BANTAM_C_STRING, &options, &answer) != BANTAM_OK) return 0;
  print_answer(answer, why);
  bantam_answer_free(answer);
  return 1;
}

static int send_queued(bantam_assistant* assistant) {
  const bantam_send_options options = {.struct_size = sizeof options, .sent = print_sent, .timeout_ms = 60000};
  return bantam_assistant_send_queued(assistant, &options) == BANTAM_OK;
}

int main(int argc, char** argv) {
  const int why = argc == 4 && strcmp(argv[3], "--why") == 0;
  if (argc != 3 && !why) {
    fprintf(stderr, "usage: home ROUTE_FILE STATE_FOLDER [--why] < lines\n");
    return 64;
  }
  const bantam_assistant_options options = {
      .struct_size = sizeof options,
      .state_folder = argv[2],
      .log = print_log,
      .offline_queue = 1,
  };
  bantam_assistant* assistant = NULL;
  if (bantam_assistant_load(argv[1], &options, &assistant) != BANTAM_OK) {
    fprintf(stderr, "home: %s\n", bantam_last_error());
    return 1;
  }
  char line[4096];
  int result = 0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    if (!(strcmp(line, "/send") == 0 ? send_queued(assistant) : decide(assistant, line, why))) {
      fprintf(stderr, "home: %s\n", bantam_last_error());
      result = 1;
    }
    fflush(stdout);
  }
  bantam_assistant_free(assistant);
  return result;
}
