// The records of runs as read-only text documents, which follow a run that goes on, wherever it does.

import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { Owner } from "../common/disposable.js";
import { recordText } from "./log-lines.js";
import { readRun, type RunRecord } from "./records.js";

const scheme = "frostline-run";

/** Milliseconds for which changes of a record are gathered before it is read again. */
const settle = 300;

export class RunDocuments extends Owner implements vscode.TextDocumentContentProvider {
  readonly #changed = this.own(new vscode.EventEmitter<vscode.Uri>());
  readonly #watched = new Map<string, vscode.Disposable>();
  readonly onDidChange = this.#changed.event;

  constructor() {
    super();
    this.own(vscode.workspace.registerTextDocumentContentProvider(scheme, this));
    this.own(vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#forget(uri)));
  }

  override dispose(): void {
    for (const watching of this.#watched.values()) watching.dispose();
    super.dispose();
  }

  /** Opens a run's record beside what is there. */
  async show({ folder, id }: Pick<RunRecord, "folder" | "id">): Promise<void> {
    const uri = vscode.Uri.from({ scheme, path: `/Run ${id}.log`, query: folder });
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const folder = uri.query;
    this.#watch(uri, folder);
    const [record, lines] = await Promise.all([readRun(folder), readFile(join(folder, "events.jsonl"), "utf8").catch(() => "")]);
    return `${headline(record)}\n${folder}\n\n${recordText(lines)}`;
  }

  #watch(uri: vscode.Uri, folder: string): void {
    if (this.#watched.has(uri.toString()) || this.disposed) return;
    let timer: NodeJS.Timeout | undefined;
    try {
      const watcher = watch(folder, () => (timer ??= setTimeout(() => void ((timer = undefined), this.#changed.fire(uri)), settle)));
      watcher.on("error", () => watcher.close());
      this.#watched.set(uri.toString(), { dispose: () => void (clearTimeout(timer), watcher.close()) });
    } catch {
      // A folder that cannot be watched is shown as it is now.
    }
  }

  #forget(uri: vscode.Uri): void {
    this.#watched.get(uri.toString())?.dispose();
    this.#watched.delete(uri.toString());
  }
}

const words: Readonly<Record<RunRecord["status"], string>> = {
  running: "is going on",
  interrupted: "was cut off",
  stopped: "was stopped",
  completed: "has ended",
  earlyStop: "has ended early, because it stopped getting better",
  failed: "failed",
  unknown: "is in a state that this version does not know",
};

/** How a run stands, in words; where another process is at work on it, with that. */
export function headline(record: RunRecord | undefined): string {
  if (record === undefined) return "There is no record of this run (any more).";
  const elsewhere = record.pid !== undefined && record.pid !== process.pid ? ` in process ${record.pid}` : "";
  return `Run ${record.id} ${words[record.status]}${elsewhere}.`;
}
