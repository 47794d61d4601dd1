// Models as an editor looks at them again and again while a recipe is written: read once, and their parameters, shapes and marks kept for
// as long as file and head stay as they are. Nothing runs, and no runtime is loaded.

import { stat } from "node:fs/promises";
import { analyseFreeze, type MarkedParameter } from "../autodiff/freeze.js";
import { collectParameters, nodePositions, type Parameter } from "../autodiff/parameters.js";
import type { Graph, Model } from "../graph/types.js";
import { lossInput, type Loss } from "../nn/losses.js";
import { readModel } from "../onnx/file.js";
import type { Facts } from "../ops/define.js";
import { inferGraph } from "../ops/infer.js";
import { analyseBatch, type BatchAnalysis } from "../passes/batch.js";
import { inferenceForm } from "../passes/inference-form.js";
import { inlineFunctions } from "../passes/inline-functions.js";
import { prune } from "../passes/prune.js";
import { insertStops } from "../passes/stop-gradient.js";
import { upgradeOpset } from "../passes/upgrade-opset.js";
import { Recent } from "./recent.js";
import { attachHead, proposeCut, type HeadOptions, type Surgery } from "./surgery.js";

/** A head as a recipe has it, and the shape of one sample where it is known. */
export type HeadSettings = Omit<HeadOptions, "seed">;

/** The models that were looked at last, by path, size and time of change. */
export class ModelCache {
  readonly #models = new Recent<string, Promise<CachedModel>>(2);

  /** @throws model/… as `readModel` */
  async open(path: string): Promise<CachedModel> {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    const key = `${path}\n${found?.size ?? ""}\n${found?.mtimeNs ?? ""}`;
    const model = this.#models.get(key, async () => {
      const read = await readModel(path);
      return new CachedModel({ ...read, graph: inlineFunctions(inferenceForm(read.graph)) });
    });
    model.catch(() => this.#models.delete(key));
    return model;
  }
}

/** A model as its file has it, without functions. */
export class CachedModel {
  readonly model: Model;
  readonly #headed = new Recent<string, HeadedModel>(4);
  #cut: { readonly value: string | undefined } | undefined;

  constructor(model: Model) {
    this.model = model;
  }

  /** Where a new head would start. */
  get proposedCut(): string | undefined {
    this.#cut ??= { value: proposeCut(this.model.graph) };
    return this.#cut.value;
  }

  /** The model with new layers, or as it is. @throws as `attachHead` */
  withHead(head?: HeadSettings): HeadedModel {
    return this.#headed.get(JSON.stringify(head), () => {
      const surgery = head === undefined ? undefined : attachHead(this.model, { ...head, seed: 0 });
      return new HeadedModel(this.model.graph, surgery);
    });
  }
}

/** A model with its head: what a plan is applied to. */
export class HeadedModel {
  readonly whole: Graph;
  readonly surgery: Surgery | undefined;
  readonly parameters: readonly Parameter[];
  /** In the internal opset's form, with what is known of its values. */
  readonly upgraded: Graph;
  readonly facts: ReadonlyMap<string, Facts>;
  readonly #stopped = new Recent<string, { readonly graph: Graph; readonly facts: ReadonlyMap<string, Facts> }>(4);
  readonly #batches = new Recent<string, BatchAnalysis>(4);

  constructor(base: Graph, surgery: Surgery | undefined) {
    this.whole = surgery?.model.graph ?? base;
    this.surgery = surgery;
    this.parameters = collectParameters(this.whole, nodePositions(base));
    this.upgraded = upgradeOpset(this.whole);
    this.facts = inferGraph(this.upgraded, { tolerant: true });
  }

  /** Marks under a plan for a loss on one output. @throws recipe/loss as `lossInput` */
  mark(frozen: (parameter: Parameter) => boolean, stops: readonly string[], output: string, loss: Loss): readonly MarkedParameter[] {
    const { graph, facts } = this.#stopped.get(stops.join("\n"), () => {
      if (stops.length === 0) return { graph: this.upgraded, facts: this.facts };
      const stopped = insertStops(this.upgraded, stops);
      return { graph: stopped, facts: inferGraph(stopped, { tolerant: true }) };
    });
    return analyseFreeze(graph, [lossInput(graph, output, loss)], this.parameters, frozen, facts);
  }

  /** Whether samples can be batched up to an output. */
  batchUpTo(output: string): BatchAnalysis {
    return this.#batches.get(output, () => analyseBatch(prune(this.whole, [output])));
  }
}
