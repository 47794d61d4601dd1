// New Fine-Tune Recipe from Model…: from a model over data and labels to what is frozen, step by step, into a recipe that opens in the
// editor. What the data is and what the recipe says, the engine knows; here is only the asking.

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import type { DataSummary, RecipeDraft, SourceSettings, Task } from "../../core/worker/contract.js";
import { showFailure } from "../common/failures.js";
import { countText } from "../recipes/texts.js";
import type { Services } from "../services.js";
import { Command } from "./ids.js";
import { pick, pickSeveral, type Question } from "./pick.js";
import * as answer from "./recipe-answers.js";
import { registerCommand } from "./register.js";
import { walk, type Step, type StepOutcome } from "./steps.js";

interface Answers {
  readonly model: string;
  readonly place: answer.DataPlace;
  readonly data: SourceSettings;
  readonly summary: DataSummary;
  readonly task: Task;
  readonly draft: RecipeDraft;
  readonly freeze: readonly string[];
  /** The person wants to choose blocks one by one. */
  readonly byBlock: boolean;
}

/** Answers the recipe that was made. */
export function registerNewRecipe(services: Services): vscode.Disposable {
  return registerCommand(services, Command.newRecipe, (model?: vscode.Uri) => newRecipe(services, model?.fsPath));
}

async function newRecipe(services: Services, model: string | undefined): Promise<vscode.Uri | undefined> {
  const asks: readonly ((answers: Partial<Answers>, canGoBack: boolean) => Promise<StepOutcome<Answers>>)[] = [
    askModel,
    askData,
    askLabelFile,
    (answers, canGoBack) => askLabel(services, answers, canGoBack),
    (answers, canGoBack) => askTask(services, answers, canGoBack),
    askFreeze,
    askBlocks,
  ];
  // What fails at a step is told, and the person is asked again.
  const steps = asks.map((ask): Step<Answers> => async (answers, isFirst) => {
    try {
      return await ask(answers, !isFirst);
    } catch (error) {
      void showFailure(error, services.log);
      return isFirst ? "cancel" : "back";
    }
  });
  const answers = await walk(steps, model === undefined ? {} : { model });
  return answers === undefined ? undefined : write(services, answers as Answers);
}

const title = "New Fine-Tune Recipe";
const ignored = "**/{node_modules,.frostline}/**";

type Item<T> = vscode.QuickPickItem & { readonly value: T };

/** A question whose last items open a dialog; a dialog that is closed asks the question again. */
async function pickOrBrowse<T>(question: Omit<Question<Item<T | (() => Promise<T | undefined>)>>, "title">): Promise<T | "back" | "cancel"> {
  for (;;) {
    const chosen = await pick({ title, ...question });
    if (typeof chosen === "string") return chosen;
    const { value } = chosen;
    if (typeof value !== "function") return value;
    const browsed = await (value as () => Promise<T | undefined>)();
    if (browsed !== undefined) return browsed;
  }
}

async function browse(options: vscode.OpenDialogOptions): Promise<string | undefined> {
  return (await vscode.window.showOpenDialog(options))?.[0]?.fsPath;
}

async function filesOf(glob: string): Promise<readonly Item<string>[]> {
  const found = await vscode.workspace.findFiles(glob, ignored, 200);
  return found
    .map(({ fsPath }) => ({ label: basename(fsPath), description: folderText(fsPath), value: fsPath }))
    .sort((a, b) => a.label.localeCompare(b.label));
}

function folderText(path: string): string {
  const folder = vscode.workspace.asRelativePath(dirname(path));
  return folder === dirname(path) && vscode.workspace.workspaceFolders?.some(({ uri }) => uri.fsPath === folder) === true ? "" : folder;
}

async function askModel({ model }: Partial<Answers>, canGoBack: boolean): Promise<StepOutcome<Answers>> {
  if (model !== undefined) return "skip";
  const dialog = (): Promise<string | undefined> => browse({ title: "The model to fine-tune", filters: { "ONNX models": ["onnx"] } });
  const items = [...(await filesOf("**/*.onnx")), { label: "$(folder-opened) Browse…", alwaysShow: true, value: dialog }];
  const chosen = await pickOrBrowse<string>({ placeholder: "The pretrained model, an ONNX file", items, canGoBack });
  return chosen === "back" || chosen === "cancel" ? chosen : { model: chosen };
}

async function askData(_: Partial<Answers>, canGoBack: boolean): Promise<StepOutcome<Answers>> {
  const placeOf = (path: string): answer.DataPlace | undefined => {
    const kind = answer.kindOf(path);
    if (kind === undefined) void vscode.window.showErrorMessage(`${basename(path)}: data files are .csv, .tsv, .jsonl, .parquet, .npz, .npy or IDX.`);
    return kind === undefined ? undefined : { kind, path };
  };
  const file = async (): Promise<answer.DataPlace | undefined> => {
    const path = await browse({ title: "The data" });
    return path === undefined ? undefined : placeOf(path);
  };
  const folder = async (): Promise<answer.DataPlace | undefined> => {
    const path = await browse({ title: "The folder with a folder of images for each class", canSelectFolders: true, canSelectFiles: false });
    return path === undefined ? undefined : { kind: "images", path };
  };
  const found = (await filesOf(answer.dataGlob)).flatMap(({ value, ...item }) => {
    const kind = answer.kindOf(value);
    return kind === undefined ? [] : [{ ...item, value: { kind, path: value } }];
  });
  const items = [
    ...found,
    { label: "$(file-media) Folder of images…", description: "with a folder for each class", alwaysShow: true, value: folder },
    { label: "$(folder-opened) Browse…", description: "CSV, TSV, JSON lines, Parquet, NumPy, IDX", alwaysShow: true, value: file },
  ];
  const chosen = await pickOrBrowse<answer.DataPlace>({ placeholder: "The data to learn from", items, canGoBack });
  return chosen === "back" || chosen === "cancel" ? chosen : { place: chosen };
}

/** Kinds with a file of samples and one of labels. */
async function askLabelFile({ place }: Partial<Answers>, canGoBack: boolean): Promise<StepOutcome<Answers>> {
  if (place?.kind !== "npy" && place?.kind !== "idx") return "skip";
  const files = (await filesOf(answer.dataGlob)).filter(({ value }) => answer.kindOf(value) === place.kind && value !== place.path);
  const dialog = (): Promise<string | undefined> => browse({ title: `The labels of ${basename(place.path)}` });
  const items = [...files, { label: "$(folder-opened) Browse…", alwaysShow: true, value: dialog }];
  const active = files.find(({ value }) => answer.likelyLabelFile(place.path, value));
  const chosen = await pickOrBrowse<string>({ placeholder: `The labels of ${basename(place.path)}`, items, active, canGoBack });
  return chosen === "back" || chosen === "cancel" ? chosen : { place: { ...place, labels: chosen } };
}

async function askLabel({ engine }: Services, { place }: Partial<Answers>, canGoBack: boolean): Promise<StepOutcome<Answers>> {
  if (place === undefined) return "back";
  if (!answer.isNamed(place)) return withSummary(engine, answer.sourceOf(place, {}));
  const columns = await engine.inspector().dataColumns({ kind: place.kind, path: place.path });
  const items = columns.map(({ name, numeric }) => ({ label: name, description: numeric ? "" : "text", value: name }));
  const likely = answer.likelyLabel(columns);
  const active = items.find(({ value }) => value === likely);
  const placeholder = place.kind === "npz" ? "The array of labels" : "The column that the model is to predict";
  const chosen = await pick({ title, placeholder, items, active, canGoBack });
  if (typeof chosen === "string") return chosen;
  const label = chosen.value;
  const samples = answer.likelySamples(columns, label);
  const features = place.kind === "npz" ? (samples === undefined ? [] : [samples]) : answer.featureGlobs(columns, label);
  return withSummary(engine, answer.sourceOf(place, { features, label }));
}

async function withSummary(engine: Services["engine"], data: SourceSettings): Promise<Pick<Answers, "data" | "summary">> {
  return { data, summary: await busily("Reading the data …", () => engine.inspector().summariseData(data)) };
}

async function askTask(
  { engine }: Services,
  { model = "", data = {}, summary }: Partial<Answers>,
  canGoBack: boolean,
): Promise<StepOutcome<Answers>> {
  if (summary === undefined) return "back";
  const draft = (task: Task): Promise<RecipeDraft> =>
    busily("Looking at the model …", () => engine.inspector().draftRecipe({ model, data, summary, task }));
  const items = summary.tasks.map((task) => ({ ...taskText(task), value: task }));
  const chosen = await pick({ title, placeholder: `What to learn of ${summary.samples.toLocaleString("en")} samples`, items, canGoBack });
  return typeof chosen === "string" ? chosen : { task: chosen.value, draft: await draft(chosen.value) };
}

function taskText({ type, outputs, names }: Task): vscode.QuickPickItem {
  if (type === "crossEntropy")
    return {
      label: `Which of ${outputs} classes`,
      ...(names === undefined ? {} : { description: `${names.join(", ")}${names.length < outputs ? ", …" : ""}` }),
    };
  if (type === "binaryCrossEntropy") return { label: `Which of ${outputs} labels hold`, description: "any number of them" };
  return outputs === 1 ? { label: "A number" } : { label: `${outputs} numbers` };
}

async function askFreeze({ draft }: Partial<Answers>, canGoBack: boolean): Promise<StepOutcome<Answers>> {
  if (draft === undefined) return "back";
  const trains = (choice: { readonly tensors: number; readonly parameters: number }): string =>
    `trains ${choice.tensors} of ${draft.total.tensors} tensors · ${countText(choice.parameters)} parameters`;
  const items: readonly Item<readonly string[] | undefined>[] = [
    ...draft.choices.map((choice) => ({ label: choice.label, description: trains(choice), value: choice.freeze })),
    { label: "$(list-selection) Choose blocks…", description: `${draft.blocks.length} blocks, from the first to the last`, value: undefined },
  ];
  const chosen = await pick({ title, placeholder: "What to freeze", items, canGoBack });
  if (typeof chosen === "string") return chosen;
  return chosen.value === undefined ? { byBlock: true } : { freeze: chosen.value, byBlock: false };
}

async function askBlocks({ draft, byBlock }: Partial<Answers>, canGoBack: boolean): Promise<StepOutcome<Answers>> {
  if (draft === undefined || byBlock !== true) return "skip";
  const items = draft.blocks.map((block) => ({
    label: block.name,
    description: `${block.tensors === 1 ? "1 tensor" : `${block.tensors} tensors`} · ${countText(block.parameters)} parameters`,
    rule: block.rule,
  }));
  const head = draft.head === undefined ? "" : ", besides the new head";
  const chosen = await pickSeveral({ title, placeholder: `The blocks that train${head}; the others are frozen`, items, canGoBack }, items.slice(-1));
  return typeof chosen === "string" ? chosen : { freeze: answer.rulesFor(draft, chosen) };
}

function busily<T>(message: string, work: () => Promise<T>): Promise<T> {
  return Promise.resolve(vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title: message }, work));
}

/** Writes the recipe and opens it. */
async function write({ engine }: Services, { model, place, draft, freeze }: Answers): Promise<vscode.Uri> {
  const folder = folderFor([place.path, model]);
  const name = answer.recipeName(model, place.path, await readdir(folder).catch(() => []));
  const text = await engine.inspector().newRecipe({ model, draft, freeze, folder, name });
  const recipe = vscode.Uri.file(join(folder, `${name}.finetune.json`));
  await vscode.workspace.fs.writeFile(recipe, new TextEncoder().encode(text));
  await vscode.window.showTextDocument(recipe, { preview: false });
  return recipe;
}

/** The workspace's folder that one of the files lies in, else the first; without a workspace the second file's own. */
function folderFor(paths: readonly string[]): string {
  const { workspaceFolders = [], getWorkspaceFolder } = vscode.workspace;
  const around = paths.map((path) => getWorkspaceFolder(vscode.Uri.file(path))).find((folder) => folder !== undefined) ?? workspaceFolders[0];
  return around?.uri.fsPath ?? dirname(paths[paths.length - 1]);
}
