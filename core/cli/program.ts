// The `frostline` command: its arguments, and what exit status comes of them. Each command has a file of its own.

import { Command, CommanderError } from "commander";
import * as errors from "../errors.js";
import { version } from "../version.js";
import { dataCommand, type DataOptions } from "./data-command.js";
import { inspectCommand } from "./inspect-command.js";
import { createTerminal, type Terminal } from "./terminal.js";
import { trainCommand, type TrainOptions } from "./train-command.js";
import { verifyCommand } from "./verify-command.js";

const exitStatuses = `
Exit status: 0 good, 1 a check failed, 2 bad usage or recipe, 3 bad model or data, 4 the run failed, 130 stopped.`;

/** Runs one command. Answers the exit status; failures have been told. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const terminal = createTerminal(args.includes("--json"));
  let status = 0;
  const program = buildProgram(terminal, (result) => {
    status = result;
  });
  try {
    await program.parseAsync([...settled(args, program)], { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const failure = error instanceof CommanderError ? usageError(error) : error instanceof errors.EngineError ? error : errors.unforeseen(error);
    terminal.fail(failure);
    return errors.exitCodeOf(failure);
  }
}

/** `-v` asks for the version too; help for a command that does not exist is told as what it is. */
function settled(args: readonly string[], program: Command): readonly string[] {
  const [first, ...rest] = args;
  if (first === "-v") return ["--version", ...rest];
  const unknown = first !== undefined && !first.startsWith("-") && first !== "help" && program.commands.every((c) => c.name() !== first);
  return unknown ? [first] : args;
}

function buildProgram(terminal: Terminal, finish: (status: number) => void): Command {
  const program = new Command("frostline")
    .description("Fine-tune pretrained models with the layers you choose frozen, and proof that they stayed frozen.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .exitOverride()
    // Usage errors are told like all others.
    .configureOutput({ outputError: () => undefined, writeErr: () => undefined })
    .addHelpText("after", exitStatuses);
  const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [...(earlier ?? []), value];
  const json = ["--json", "print JSON on standard output instead of text"] as const;
  program
    .command("inspect")
    .description("show inputs, outputs, parameters with their marks, operators, and what cannot be trained")
    .argument("<model>", "an ONNX file")
    .option("--freeze <glob>", "a rule of a freeze plan; may be given again, the last one that matches wins", collect)
    .option(...json)
    .action(async (model: string, { freeze = [] }: { freeze?: readonly string[] }) => finish(await inspectCommand(model, freeze, terminal)));
  program
    .command("data")
    .description("look at a recipe's data: counts, classes, ranges, duplicates across splits, problems and what to do about them")
    .argument("<recipe>", "a *.finetune.json file")
    .option("--preview <file>", "write a picture of some samples after the transforms, as PNG")
    .option(...json)
    .action(async (recipe: string, options: DataOptions) => finish(await dataCommand(recipe, options, terminal)));
  program
    .command("train")
    .description("run a recipe")
    .argument("<recipe>", "a *.finetune.json file")
    .option("--resume <run>", "go on with a stopped run, by its id or folder")
    .option("--no-cache", "keep no features of the frozen part on disk, and use none")
    .option("--provider <name>", "what computes, in place of what the recipe says: auto, cpu, wasm, or a device: webgpu, cuda, dml, coreml")
    .option("--isolation <where>", "thread, or process: a crash of the runtime then ends the run, not the command", "thread")
    .option(json[0], "print one JSON object a line instead of text")
    .action(async (recipe: string, options: TrainOptions) => finish(await trainCommand(recipe, options, terminal)));
  program
    .command("verify")
    .description("compare two models: which tensors changed, and did one that must not have")
    .argument("<before>", "the base model")
    .argument("<after>", "the trained model")
    .option("--frozen <glob>", "what must be unchanged, in place of what the trained model says; may be given again", collect)
    .option(...json)
    .action(async (before: string, after: string, { frozen = [] }: { frozen?: readonly string[] }) =>
      finish(await verifyCommand(before, after, frozen, terminal)),
    );
  return program;
}

/** Commander's message without its prefix; its suggestions become the hint. */
function usageError({ message, code }: CommanderError): errors.EngineError {
  if (code === "commander.help")
    return errors.badUsage("a command is missing", "Commands: inspect, data, train, verify. `frostline --help` explains them.");
  const [first, ...rest] = message.replace(/^error: /, "").split("\n");
  const suggestion = /\((.*)\)/.exec(rest.join(" "))?.[1];
  return errors.badUsage(first, suggestion ?? "`frostline --help` lists the commands, `frostline COMMAND --help` their options.");
}
