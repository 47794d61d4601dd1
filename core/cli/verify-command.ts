// `frostline verify`: whether what had to stay the same between two models did.

import * as errors from "../errors.js";
import { columns, plural } from "../text/tables.js";
import type { Terminal } from "./terminal.js";
import { withWorker } from "./worker.js";

/** Names that are listed in each group; `--json` has all of them. */
const mostNames = 20;

export async function verifyCommand(before: string, after: string, frozen: readonly string[], terminal: Terminal): Promise<number> {
  const request = { before, after, ...(frozen.length === 0 ? {} : { frozen }) };
  const report = await withWorker("inspect", (worker) => worker.verify(request));
  terminal.record(report);
  const { colors } = terminal;
  const note = report.baseModel?.same === false ? errors.otherBaseModel(before, report.baseModel) : undefined;
  const group = (title: string, names: readonly string[]): void => {
    if (names.length === 0) return;
    terminal.line(`${colors.bold(title)} (${names.length})`);
    for (const line of columns(names.slice(0, mostNames).map((name) => [name]))) terminal.line(line);
    if (names.length > mostNames) terminal.line(`  and ${names.length - mostNames} more (all of them with --json)`);
  };
  group("Changed", report.changed);
  group("Added", report.added);
  group("Removed", report.removed);
  terminal.line(`${plural(report.same.length, "tensor")} the same, bit for bit`);
  if (report.violations.length > 0) {
    const failure = errors.verifyFailed(report.violations, report.checked, note);
    if (!terminal.json) terminal.fail(failure);
    return errors.exitCodeOf(failure);
  }
  if (note !== undefined) terminal.line(`${colors.yellow("warning")}: ${note}`);
  terminal.line(colors.green(`Verified: all ${plural(report.checked, "tensor")} that had to stay the same did`));
  return 0;
}
