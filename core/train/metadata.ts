// What an exported model says about its training: the `frostline.*` metadata entries, written and read in one place.

import { z } from "zod";
import * as errors from "../errors.js";
import { transformStepSchema } from "./data-schema.js";

const proofSchema = z.array(
  z.object({
    phase: z.string(),
    steps: z.tuple([z.number(), z.number()]),
    before: z.record(z.string(), z.string()),
    changed: z.array(z.string()),
    readBack: z.boolean(),
  }),
);

const spanPlanSchema = z.object({ phase: z.string(), freeze: z.array(z.string()), stopGradient: z.array(z.string()) });

const cutSchema = z.object({ after: z.string(), removed: z.array(z.string()) });

const names = z.array(z.string());

/** Entries by what they hold; those with a schema are JSON. */
const entries = {
  version: { key: "frostline.version", schema: undefined },
  baseModel: { key: "frostline.baseModel", schema: undefined },
  run: { key: "frostline.run", schema: undefined },
  freezePlan: { key: "frostline.freezePlan", schema: z.array(spanPlanSchema) },
  labels: { key: "frostline.labels", schema: names },
  transform: { key: "frostline.transform", schema: z.array(transformStepSchema) },
  trained: { key: "frostline.trained", schema: names },
  cut: { key: "frostline.cut", schema: cutSchema },
  proof: { key: "frostline.proof", schema: proofSchema },
} as const;

/** All metadata keys that Frostline writes. */
export const metadataKeys: readonly string[] = Object.values(entries).map(({ key }) => key);

/** What training leaves in a model's metadata. */
export interface TrainingMetadata {
  /** Version of Frostline that exported the model. */
  readonly version?: string;
  /** SHA-256 of the base model's file. */
  readonly baseModel?: string;
  /** Id of the run. */
  readonly run?: string;
  /** Plan of each phase. */
  readonly freezePlan?: z.output<typeof spanPlanSchema>[];
  /** Class names by index, where the data had any. */
  readonly labels?: readonly string[];
  /** What is done to a sample before it is fed. */
  readonly transform?: readonly z.output<typeof transformStepSchema>[];
  /** Stored names of the tensors that some span trained or (running statistics) updated, new layers included. Every other tensor is the base model's. */
  readonly trained?: readonly string[];
  /** Where the new head was attached, and the base model's tensors that went with what followed. */
  readonly cut?: { readonly after: string; readonly removed: readonly string[] };
  readonly proof?: z.output<typeof proofSchema>;
}

/** `metadata` with the training's entries in place of all older ones. */
export function withTrainingMetadata(metadata: ReadonlyMap<string, string>, training: TrainingMetadata): ReadonlyMap<string, string> {
  const result = new Map([...metadata].filter(([key]) => !metadataKeys.includes(key)));
  for (const [name, { key }] of Object.entries(entries)) {
    const value = training[name as keyof TrainingMetadata];
    if (value !== undefined) result.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  return result;
}

/** The training's entries; those that the model does not have are left out. @throws model/metadata for one that cannot be read */
export function readTrainingMetadata(metadata: ReadonlyMap<string, string>): TrainingMetadata {
  const found: Record<string, unknown> = {};
  for (const [name, { key, schema }] of Object.entries(entries)) {
    const text = metadata.get(key);
    if (text !== undefined) found[name] = schema === undefined ? text : parseEntry(key, text, schema);
  }
  return found;
}

function parseEntry(key: string, text: string, schema: z.ZodType): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw errors.badMetadata(key, "it is not JSON");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw errors.badMetadata(key, parsed.error.issues[0].message);
  return parsed.data;
}
