#include "cli/chat_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/text_util.h"
#include "cli/message_reader.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/text_output.h"

namespace bantam::cli {
namespace {

// At least so much of the model's length is kept for an answer, at the cost of the oldest messages.
constexpr int kMostRoom = 512;

constexpr std::string_view kHelp =
    R"(  /set system TEXT          what the model is told before the conversation (also: /system TEXT)
  /set parameter NAME VALUE how text is chosen: /show parameters lists the names
  /set history, nohistory   whether earlier messages are part of the next prompt
  /set verbose, quiet       counts and times after each answer
  /show info, system, parameters, template, history
  /clear                    forget the conversation
  /bye                      end (also: /exit, Ctrl-D)
  /help, /?                 this

  """ begins a message of several lines, """ at the end of a line ends it.
  Ctrl-C stops the answer.
)";

// The first word, and what follows it.
std::pair<std::string_view, std::string_view> FirstWord(std::string_view text) {
  const auto skip = [](std::string_view rest) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\n"), rest.size()));
    return rest;
  };
  text = skip(text);
  const size_t end = std::min(text.find_first_of(" \t\n"), text.size());
  return {text.substr(0, end), skip(text.substr(end))};
}

class Session {
 public:
  Session(Generator& generator, SamplingOptions sampling, const ChatOptions& options)
      : generator_(generator), sampling_(std::move(sampling)), raw_(options.raw), verbose_(options.verbose) {
    conversation_.SetSystem(options.system);
  }

  Status Run() {
    const InterruptGuard guard;
    const std::string ask = Colours(STDERR_FILENO).Bold(">>> ");
    MessageReader reader;
    while (true) {
      BANTAM_TRY(const std::optional<std::string> message, reader.Next(ask));
      if (!message) break;
      if (reader.interrupted()) {
        Say("\n(Ctrl-D or /bye ends)");
      } else if (message->starts_with('/')) {
        if (!Command(*message)) return Ok();
      } else if (message->find_first_not_of(" \t\n") != std::string::npos) {
        BANTAM_RETURN_IF_ERROR(Answer(*message));
      }
    }
    Say("");
    return Ok();
  }

 private:
  static void Say(std::string_view text) { std::cerr << text << "\n" << std::flush; }

  // A message that cannot be answered (too long, refused by the template) is told, and no reason to leave.
  Status Answer(const std::string& message) {
    GenerateCall call = sampling_.Call();
    call.n = 1;
    if (!sampling_.has_max_tokens()) call.max_tokens = raw_ ? call.max_tokens : 0;
    if (raw_) {
      call.prompt = message;
      call.trusted = true;  // whoever types the command
    } else {
      if (!history_) conversation_.Clear();
      conversation_.Add("user", message);
      const int limit = generator_.engine().max_tokens();
      const int wanted = call.max_tokens > 0 ? std::min(call.max_tokens, kMostRoom) : kMostRoom;
      auto prompt = conversation_.Prompt(generator_, {.room = std::min(wanted, std::max(limit / 4, 1))});
      if (!prompt) {
        conversation_.RemoveLast();
        Say(prompt.error().message);
        return Ok();
      }
      if (prompt->dropped_messages > 0 && verbose_) {
        Say(fmt::format("(the {} oldest messages no longer fit)", prompt->dropped_messages));
      }
      call.prompt_ids = std::move(prompt->ids);
    }
    InterruptGuard::Forget();
    auto written = WriteTexts(generator_, call, true);
    if (!written) {
      if (!raw_) conversation_.RemoveLast();
      if (written.error().code != ErrorCode::kInvalidArgument) return written.error();
      Say(written.error().message);
      return Ok();
    }
    InterruptGuard::Forget();
    const WrittenText& text = written->texts.front();
    if (!text.text.ends_with('\n')) BANTAM_RETURN_IF_ERROR(Print("\n"));
    if (!raw_) conversation_.Add("assistant", text.text);
    if (text.finish_reason() == "length") Say(fmt::format("(cut after {} tokens)", text.generated_tokens()));
    if (verbose_) {
      std::string drafts;
      if (written->speculated_tokens > 0) {
        drafts = fmt::format(", {} of {} drafted tokens right", written->accepted_tokens, written->speculated_tokens);
      }
      Say(fmt::format(
          "({} tokens of prompt, {} of them known; {} of text{}; first after {:.0f} ms, then {:.1f} a second)",
          written->prompt_tokens, written->cached_tokens, text.generated_tokens(), drafts, written->first_ms,
          written->tokens_per_s()));
    }
    return Ok();
  }

  // False: /bye.
  bool Command(const std::string& line) {
    const auto [name, rest] = FirstWord(line);
    if (name == "/bye" || name == "/exit") return false;
    if (name == "/help" || name == "/?") {
      std::cerr << kHelp << std::flush;
    } else if (name == "/clear") {
      conversation_.Clear();
      Say("The conversation is forgotten.");
    } else if (name == "/system") {
      SetSystem(rest);
    } else if (name == "/set") {
      Set(rest);
    } else if (name == "/show") {
      Show(rest);
    } else {
      Say(fmt::format("There is no {}; /help lists the commands.", EscapeForTerminal(name, 40)));
    }
    return true;
  }

  void SetSystem(std::string_view text) {
    if (raw_) return Say("Without a chat template there is no place for that.");
    conversation_.SetSystem(std::string(text));
    Say(text.empty() ? "The model is told nothing now." : "The model is told that from now on.");
  }

  void Set(std::string_view rest) {
    const auto [what, value] = FirstWord(rest);
    if (what == "system") return SetSystem(value);
    if (what == "history" || what == "nohistory") {
      history_ = what == "history";
      return Say(history_ ? "Earlier messages are part of the prompt." : "Each message stands alone.");
    }
    if (what == "verbose" || what == "quiet") {
      verbose_ = what == "verbose";
      return Say(verbose_ ? "Counts and times are shown." : "Counts and times are not shown.");
    }
    if (what == "parameter") {
      const auto [name, number] = FirstWord(value);
      SamplingOptions changed = sampling_;
      Status done = changed.Set(name, number);
      if (done) done = CheckSampling(changed.Call().sampling, generator_.engine().decoder().vocab_size());
      if (!done) return Say(done.error().message);
      sampling_ = std::move(changed);
      return Say(fmt::format("{} is {} now.", name, EscapeForTerminal(number)));
    }
    Say("/set system TEXT, parameter NAME VALUE, history, nohistory, verbose or quiet");
  }

  void Show(std::string_view rest) {
    const std::string_view what = FirstWord(rest).first;
    const Decoder& decoder = generator_.engine().decoder();
    if (what == "info") {
      std::cerr << AlignFields(
          {{"model", EscapeForTerminal(generator_.model_name(), 400)},
           {"architecture", generator_.architecture()},
           {"parameters", HumanCount(decoder.num_parameters())},
           {"weights", std::string(WeightTypeName(decoder.weight_type()))},
           {"longest text", fmt::format("{} tokens with its prompt", generator_.engine().max_tokens())},
           {"threads", std::to_string(generator_.engine().num_threads())}});
    } else if (what == "system") {
      Say(conversation_.system().empty() ? "(nothing)" : conversation_.system());
    } else if (what == "parameters") {
      std::cerr << AlignFields(sampling_.Values());
    } else if (what == "template") {
      Say(generator_.chat_template() ? generator_.chat_template()->Source()
                                     : generator_.chat_template().error().message);
    } else if (what == "history") {
      for (const json::object& message : conversation_.messages()) Say(ToJson(message));
    } else {
      Say("/show info, system, parameters, template or history");
    }
    std::cerr << std::flush;
  }

  Generator& generator_;
  SamplingOptions sampling_;
  Conversation conversation_;
  const bool raw_;
  bool verbose_, history_ = true;
};

}  // namespace

Status RunChat(Generator& generator, SamplingOptions sampling, const ChatOptions& options) {
  return Session(generator, std::move(sampling), options).Run();
}

}  // namespace bantam::cli
