// The list of subcommands. To add one: write its file, declare its setup function here, add a row.
#include "cli/commands.h"

namespace bantam::cli {

std::span<const Command> Commands() {
  static constexpr std::array kCommands = {
      Command{"serve", "The assistant of a route file, and models, over HTTP", SetUpServe},
      Command{"check", "Say whether a route file is right, or what to mend", SetUpCheck},
      Command{"route", "Train, evaluate and test what decides who answers", SetUpRoute},
      Command{"replay", "Decide the messages of an audit log again: same bits, or what would change", SetUpReplay},
      Command{"audit", "The log of decisions: verify, explain, follow, export, take texts out", SetUpAudit},
      Command{"learn", "What is learned from traffic: review, propose, promote, roll back", SetUpLearn},
      Command{"cache", "The stored answers: how many, how useful; forget them", SetUpCache},
      Command{"queue", "Questions that wait for a large model: list, send, drop", SetUpQueue},
      Command{"pull", "Fetch a model from Hugging Face's hub or Ollama's registry", SetUpPull},
      Command{"list", "The models of this machine", SetUpList},
      Command{"show", "Everything about one model", SetUpShow},
      Command{"ps", "What a running server has loaded", SetUpPs},
      Command{"cp", "A second name for a model", SetUpCp},
      Command{"rm", "Remove models", SetUpRm},
      Command{"quantize", "A smaller copy of a model, and what that costs", SetUpQuantize},
      Command{"perplexity", "How well a model predicts a text, and what a copy lost", SetUpPerplexity},
      Command{"run", "Talk to a model, or let it go on with a text", SetUpRun},
      Command{"embed", "Text to sentence embeddings, as JSON lines or a NumPy matrix", SetUpEmbed},
      Command{"classify", "Text, or pairs of texts, to a classifier's labels; or to labels of your own", SetUpClassify},
      Command{"decide", "A question about each text, answered with probabilities", SetUpDecide},
      Command{"tag", "Text to labelled spans: names, slots, parts of speech", SetUpTag},
      Command{"rerank", "Documents in order of relevance to a query", SetUpRerank},
      Command{"qa", "Questions to the stretches of a text that answer them", SetUpQa},
      Command{"fill-mask", "The likeliest words in the place of a mask", SetUpFillMask},
      Command{"tokenize", "Text to token ids, as JSON lines", SetUpTokenize},
      Command{"template", "Messages to the prompt that a model is given", SetUpTemplate},
      Command{"grammar", "Whether a JSON Schema, grammar or pattern can be enforced, and texts of it", SetUpGrammar},
      Command{"key", "Keys that clients of a server send", SetUpKey},
      Command{"bench", "How fast a model is on this machine", SetUpBench},
      Command{"info", "What this program is and what it found here", SetUpInfo},
      Command{"help", "A command's options, or an idea in one screen: 'bantam help routes'", SetUpHelp},
      Command{"completion", "What makes bash, zsh or fish complete commands and options", SetUpCompletion},
  };
  return kCommands;
}

}  // namespace bantam::cli
