// What the engine says of each recipe that is open, of its text as it stands in the editor, saved or not.

import * as vscode from "vscode";
import type { RecipeAnalysis } from "../../core/worker/contract.js";
import { Owner } from "../common/disposable.js";
import type { Services } from "../services.js";
import { Latest } from "./latest.js";

/** Documents that are recipes. */
export const recipeSelector: vscode.DocumentSelector = { scheme: "file", pattern: "**/*.finetune.{json,jsonc}" };

/** Files whose coming, going or changing a recipe may notice. */
const watched = "**/*.{onnx,csv,tsv,tab,jsonl,parquet,npz,npy}";

/** Milliseconds without a keystroke before a recipe is looked at. */
const quiet = 200;

/** An analysis, and the version of the document that it is of. */
export interface VersionedAnalysis {
  readonly version: number;
  readonly analysis: RecipeAnalysis;
}

export interface ChangedRecipe {
  readonly document: vscode.TextDocument;
  /** Undefined where the recipe was closed. */
  readonly analysis: RecipeAnalysis | undefined;
}

/** Keeps an analysis of every open recipe. */
export class RecipeAnalyses implements vscode.Disposable {
  readonly #services: Services;
  readonly #owner = new Owner();
  readonly #changed = this.#owner.own(new vscode.EventEmitter<ChangedRecipe>());
  readonly #requests = new Map<vscode.TextDocument, Latest<VersionedAnalysis>>();
  readonly #found = new Map<vscode.TextDocument, VersionedAnalysis>();
  readonly onDidChange = this.#changed.event;

  constructor(services: Services) {
    this.#services = services;
    const { workspace, window } = vscode;
    const files = this.#owner.own(workspace.createFileSystemWatcher(watched));
    const again = (): void => this.#requests.forEach((request) => request.request());
    for (const event of [files.onDidCreate, files.onDidChange, files.onDidDelete]) this.#owner.own(event(again));
    this.#owner.own(window.onDidChangeWindowState(({ focused }) => focused && again()));
    this.#owner.own(workspace.onDidOpenTextDocument((document) => this.#open(document)));
    this.#owner.own(workspace.onDidChangeTextDocument(({ document }) => this.#requests.get(document)?.request()));
    this.#owner.own(workspace.onDidCloseTextDocument((document) => this.#close(document)));
  }

  /** Looks at the recipes that are open already. */
  start(): void {
    vscode.workspace.textDocuments.forEach((document) => this.#open(document));
  }

  /** The last analysis, also of an older version of the text. */
  of(document: vscode.TextDocument): VersionedAnalysis | undefined {
    return this.#found.get(document);
  }

  dispose(): void {
    this.#requests.forEach((request) => request.dispose());
    this.#owner.dispose();
  }

  #open(document: vscode.TextDocument): void {
    if (this.#requests.has(document) || vscode.languages.match(recipeSelector, document) === 0) return;
    const request = new Latest<VersionedAnalysis>({
      work: async () => {
        const { version, uri } = document;
        return { version, analysis: await this.#services.engine.inspector().recipe({ path: uri.fsPath, text: document.getText() }) };
      },
      onResult: (found) => {
        this.#found.set(document, found);
        this.#changed.fire({ document, analysis: found.analysis });
      },
      onError: (error) => this.#services.log.warn(`${document.uri.fsPath}: ${error instanceof Error ? error.message : String(error)}`),
      quiet,
    });
    this.#requests.set(document, request);
    request.request(0);
  }

  #close(document: vscode.TextDocument): void {
    this.#requests.get(document)?.dispose();
    this.#requests.delete(document);
    if (this.#found.delete(document)) this.#changed.fire({ document, analysis: undefined });
  }
}

/** The range of a document that a place in its text has. */
export function rangeOf(document: vscode.TextDocument, { offset, length }: { readonly offset: number; readonly length: number }): vscode.Range {
  return new vscode.Range(document.positionAt(offset), document.positionAt(offset + length));
}
