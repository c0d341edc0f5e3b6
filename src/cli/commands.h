// Declarations of every subcommand's set-up function, and the list of them.
#pragma once

#include <array>
#include <span>

#include "cli/command.h"

namespace bantam::cli {

std::span<const Command> Commands();

Run SetUpAudit(CLI::App& app);
Run SetUpBench(CLI::App& app);
Run SetUpCache(CLI::App& app);
Run SetUpClassify(CLI::App& app);
Run SetUpDecide(CLI::App& app);
Run SetUpCp(CLI::App& app);
Run SetUpCompletion(CLI::App& app);
Run SetUpEmbed(CLI::App& app);
Run SetUpFillMask(CLI::App& app);
Run SetUpQuantize(CLI::App& app);
Run SetUpHelp(CLI::App& app);
Run SetUpInfo(CLI::App& app);
Run SetUpKey(CLI::App& app);
Run SetUpLearn(CLI::App& app);
Run SetUpList(CLI::App& app);
Run SetUpCheck(CLI::App& app);
Run SetUpPerplexity(CLI::App& app);
Run SetUpPs(CLI::App& app);
Run SetUpPull(CLI::App& app);
Run SetUpQa(CLI::App& app);
Run SetUpQueue(CLI::App& app);
Run SetUpReplay(CLI::App& app);
Run SetUpRerank(CLI::App& app);
Run SetUpRm(CLI::App& app);
Run SetUpRoute(CLI::App& app);
Run SetUpRun(CLI::App& app);
Run SetUpServe(CLI::App& app);
Run SetUpShow(CLI::App& app);
Run SetUpTag(CLI::App& app);
Run SetUpTemplate(CLI::App& app);
Run SetUpGrammar(CLI::App& app);
Run SetUpTokenize(CLI::App& app);

}  // namespace bantam::cli
