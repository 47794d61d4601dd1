// Every gradient rule against central differences. The cases lie beside this file, one table a family; all `*.cases.ts` are read.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { flowTo } from "../../core/autodiff/flow.js";
import { allDefinitions, definitionOf } from "../../core/ops/index.js";
import { inferGraph } from "../../core/ops/infer.js";
import type { GradientRule, OpDefinition } from "../../core/ops/define.js";
import { upgradeOpset } from "../../core/passes/upgrade-opset.js";
import { checkGradients, checkShapes, checkUpgrade, prepareCase } from "../support/gradient-check.js";
import { testProvider } from "../support/provider.js";
import { gaps } from "./gaps.js";
import { graphOf, titleOf, valuesOf, type DimForm, type GradientCase } from "../support/gradient-case.js";

interface Family {
  readonly name: string;
  readonly cases: readonly GradientCase[];
}

const folder = __dirname;
const load = createRequire(__filename);

const families: readonly Family[] = readdirSync(folder)
  .filter((file) => file.endsWith(".cases.ts"))
  .sort()
  .map((file) => {
    const { cases } = load(join(folder, file)) as { readonly cases: readonly GradientCase[] };
    return { name: file.slice(0, -".cases.ts".length), cases };
  });
const cases = families.flatMap((family) => family.cases);
const counts = { cases: 0, float64: 0, float32: 0 };
const defaultForms: readonly DimForm[] = ["static", "named"];

describe("gradient", () => {
  for (const { name, cases: own } of families) {
    describe(name, () => {
      for (const test of own) {
        const gap = gaps[testProvider]?.[titleOf(test)];
        if (gap !== undefined) {
          it.skip(`${titleOf(test)} (on ${testProvider} ${gap})`);
          continue;
        }
        it(titleOf(test), async () => {
          const one = await prepareCase(test);
          await checkUpgrade(one);
          for (const form of test.dims ?? defaultForms) {
            checkShapes(one, form);
            await checkGradients(one, "float64", form);
            counts.float64 += 1;
            await checkGradients(one, "float32", form);
            counts.float32 += 1;
          }
          counts.cases += 1;
        });
      }
    });
  }

  // All of them run there under `npm run test:long`.
  for (const { name, cases: own } of families)
    it(`is the same on WebAssembly, one case of ${name}`, async () => {
      await checkGradients(await prepareCase(own[0]), "float32", "static", "wasm");
    });

  after(() => {
    console.log(`  ${counts.cases} gradient cases, ${counts.float64} float64 checks, ${counts.float32} float32 checks`);
  });
});

describe("gradient cases", () => {
  it("are all that providers are known not to run", () => {
    const titles = new Set(cases.map(titleOf));
    for (const known of Object.values(gaps)) for (const title of Object.keys(known)) assert.ok(titles.has(title), `no case "${title}"`);
  });

  it("have titles of their own", () => {
    const titles = cases.map(titleOf);
    assert.deepEqual(titles.filter((title, i) => titles.indexOf(title) !== i), []); // prettier-ignore
  });

  for (const definition of allDefinitions().filter((d) => typeof d.grad === "function")) {
    const own = cases.filter((test) => test.op === definition.type && (test.domain ?? "") === definition.domain);
    describe(`of ${definition.type}`, () => {
      it("exist", () => assert.notEqual(own.length, 0));

      it("fail when its rule is emptied", async () => {
        for (const test of own) {
          const one = await prepareCase(test);
          const vanishing = one.wanted.every((w) => w.every((v) => Math.abs(v) < 1e-3));
          if (vanishing || flowingInputs(test, definition).length === 0) continue;
          assert.ok(await failsWith(definition, () => [], test), `${titleOf(test)}: passes without a rule`);
        }
      });

      it("cover every input that a gradient flows to", async () => {
        const inputs = new Set(own.flatMap((test) => flowingInputs(test, definition)));
        const rule = definition.grad as GradientRule;
        for (const i of inputs) {
          const without: GradientRule = (context) => rule(context).map((gradient, k) => (k === i ? undefined : gradient));
          let noticed = false;
          for (const test of own) noticed ||= flowingInputs(test, definition).includes(i) && (await failsWith(definition, without, test));
          assert.ok(noticed, `no case of ${definition.type} notices that input ${i} gets no gradient`);
        }
      });
    });
  }
});

/** Inputs of the operator's nodes in a case through which a gradient flows. */
function flowingInputs(test: GradientCase, definition: OpDefinition): readonly number[] {
  const graph = upgradeOpset(graphOf(test, "float64", "static", valuesOf(test, 0)));
  const facts = inferGraph(graph);
  const nodes = graph.nodes.filter((node) => definitionOf(node) === definition);
  const flowing = nodes.flatMap((node) =>
    node.inputs.flatMap((name, i) => (name !== "" && flowTo(node, i, (v) => facts.get(v) ?? { type: undefined }).kind === "flows" ? [i] : [])),
  );
  return [...new Set(flowing)];
}

/** Whether a case fails once the operator has another rule. */
async function failsWith(definition: OpDefinition, rule: GradientRule, test: GradientCase): Promise<boolean> {
  const one = await prepareCase(test);
  const record = definition as { grad: OpDefinition["grad"] };
  const own = record.grad;
  record.grad = rule;
  try {
    await checkGradients(one, "float64", test.dims?.[0] ?? "static");
    return false;
  } catch (error) {
    if (error instanceof assert.AssertionError) return true;
    throw error;
  } finally {
    record.grad = own;
  }
}
