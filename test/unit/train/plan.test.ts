import assert from "node:assert/strict";
import fc from "fast-check";
import { EngineError } from "../../../core/errors.js";
import type { MarkedParameter } from "../../../core/autodiff/freeze.js";
import type { Parameter } from "../../../core/autodiff/parameters.js";
import type { DType, Graph } from "../../../core/graph/types.js";
import { applyPlan, assertTrainable, blockedRequests, defaultPlan, parseRule, requireValue } from "../../../core/train/plan.js";

function parameter(name: string, path: string, kind: Parameter["kind"] = "parameter", dtype: DType = "float32"): Parameter {
  const shape = [2];
  const layer = path.slice(0, path.lastIndexOf("/"));
  return { name, path, layer, value: name, dtype, shape, kind, tensor: { dtype, shape, data: new Uint8Array(8) }, nested: false, uses: [] };
}

const model: readonly Parameter[] = [
  parameter("stem.w", "stem.conv/weight"),
  parameter("stem.mean", "stem.norm/mean", "buffer"),
  parameter("blocks.0.w", "blocks.0.conv/weight"),
  parameter("blocks.4.w", "blocks.4.conv/weight"),
  parameter("blocks.11.w", "blocks.11.conv/weight"),
  parameter("head.0.weight", "head.0/weight"),
];

function frozenUnder(rules: readonly string[]): readonly string[] {
  const { isFrozen } = applyPlan(rules, model);
  return model.filter((p) => p.kind === "parameter" && isFrozen(p)).map((p) => p.name);
}

function matches(rule: string, name: string): boolean {
  return parseRule(rule).matches({ name, path: "\u{1}" });
}

function codeOf(run: () => unknown): EngineError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof EngineError);
    return error;
  }
  return assert.fail("expected an error");
}

describe("freeze plan", () => {
  it("lets the last matching rule win", () => {
    assert.deepEqual(frozenUnder(["*", "!head.*"]), ["stem.w", "blocks.0.w", "blocks.4.w", "blocks.11.w"]);
    assert.deepEqual(frozenUnder(["!head.*", "*"]), ["stem.w", "blocks.0.w", "blocks.4.w", "blocks.11.w", "head.0.weight"]);
    assert.deepEqual(frozenUnder(["*", "!blocks.*", "blocks.4*"]), ["stem.w", "blocks.4.w", "head.0.weight"]);
    assert.deepEqual(frozenUnder([]), []);
  });

  it("matches stored names and derived paths", () => {
    assert.deepEqual(frozenUnder(["stem.w"]), ["stem.w"]);
    assert.deepEqual(frozenUnder(["*/weight", "!head.0/*"]), ["stem.w", "blocks.0.w", "blocks.4.w", "blocks.11.w"]);
  });

  it("counts what each rule decides, and remembers what ! asked for", () => {
    const plan = applyPlan(["*", "!blocks.*", "blocks.0.*", "*norm*"], model);
    assert.deepEqual(plan.perRule, [2, 2, 1, 0]);
    assert.deepEqual(model.filter(plan.asked).map((p) => p.name), ["blocks.4.w", "blocks.11.w"]); // prettier-ignore
    assert.deepEqual(plan.decide(model[2]), { frozen: true, rule: 2 });
    assert.deepEqual(applyPlan(["stem.w"], model).decide(model[5]), { frozen: false });
  });

  it("refuses a rule that matches nothing, with the nearest names", () => {
    const scope = codeOf(() => applyPlan(["!bloks.4.*"], model));
    assert.equal(scope.code, "recipe/no-match");
    assert.match(scope.message, /"!bloks\.4\.\*"/);
    assert.match(scope.hint ?? "", /"!blocks\.4\.\*"/);
    assert.match(codeOf(() => applyPlan(["stm.w"], model)).hint ?? "", /"stem\.w"/);
    assert.match(codeOf(() => applyPlan(["zzzzzzzz"], model)).hint ?? "", /frostline inspect/);
  });

  it("suggests the scope as the model spells it", () => {
    const wrapped = [parameter("model._orig.blocks.4.0.w", "node_Conv_7/weight")];
    assert.match(codeOf(() => applyPlan(["blocks.4.*"], wrapped)).hint ?? "", /"model\._orig\.blocks\.4\.\*"/);
  });

  it("refuses empty rules", () => {
    assert.equal(codeOf(() => applyPlan([""], model)).code, "recipe/freeze-rule");
    assert.equal(codeOf(() => applyPlan(["!"], model)).code, "recipe/freeze-rule");
  });

  it("says so where head.* would miss the new head", () => {
    const error = codeOf(() => applyPlan(["*", "!head.*"], model, { headPrefix: "head2" }));
    assert.equal(error.code, "recipe/head-prefix");
    assert.match(error.message, /"head2"/);
    const twoHeads = [...model, parameter("head2.0.weight", "head2.0/weight"), parameter("head.norm.weight", "head.norm/scale")];
    assert.deepEqual(applyPlan(["*", "!head2.*", "!head.norm.*", "{head,head2}.*"], twoHeads, { headPrefix: "head2" }).perRule, [4, 0, 0, 3]);
    assert.deepEqual(defaultPlan("head2"), ["*", "!head2.*"]);
    assert.deepEqual(defaultPlan(), []);
  });
});

describe("globs of a plan", () => {
  it("lets * cross dots and slashes, and ? stand for any one character", () => {
    assert.ok(matches("*", "a/b.c"));
    assert.ok(matches("*", ".hidden/.b"));
    assert.ok(matches("a*z", "a/b.c/z"));
    assert.ok(matches("a?b", "a/b"));
    assert.ok(matches("a?b", "a.b"));
    assert.ok(!matches("a?b", "ab"));
    assert.ok(!matches("b", "a/b"));
    assert.ok(matches("**", "x/y"));
  });

  it("knows sets, alternatives and ranges", () => {
    assert.ok(matches("layer[12].w", "layer2.w"));
    assert.ok(!matches("layer[!12].w", "layer2.w"));
    assert.ok(matches("layer[0-9].w", "layer7.w"));
    assert.ok(matches("{stem,blocks/*}/w", "blocks/3/w"));
    assert.ok(!matches("{stem,blocks/*}/w", "head/w"));
    assert.ok(matches("{a,{b.c,d}}/w", "b.c/w"));
    assert.ok(matches("{a}/w", "{a}/w"));
    assert.ok(matches("a,{b", "a,{b"));
    assert.deepEqual(["2", "3", "8", "11", "12"].filter((n) => matches("b.{3..11}.w", `b.${n}.w`)), ["3", "8", "11"]); // prettier-ignore
  });

  it("takes an escaped character as it is", () => {
    assert.ok(matches("\\!odd", "!odd"));
    assert.ok(!parseRule("\\!odd").negated);
    assert.ok(matches("!\\!odd", "!odd"));
    assert.ok(matches("a\\*b", "a*b"));
    assert.ok(!matches("a\\*b", "axb"));
    assert.ok(matches("a\\[0\\]*", "a[0].w"));
  });

  it("reads nothing else as a pattern", () => {
    for (const name of ["onnx::MatMul_12", "layer(1)", "a|b", "a+b", "x@(y)", "$end^", "while/Read:0", 'q"t', "p2o.w~1"]) {
      assert.ok(matches(name, name), name);
      assert.ok(matches(`${name}*`, `${name}.w`), name);
    }
    assert.ok(!matches("layer(1)", "layer1"));
    assert.ok(!matches("a|b", "a"));
    assert.ok(!matches("a+", "aaa"));
  });

  it("matches exactly one name when everything is escaped", () => {
    const names = fc.string({ unit: fc.constantFrom(...'ab./*?[]{},!\\()|+^$@:-_0"'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(names, names, (name, other) => {
        const rule = name.replace(/[\\*?[\]{},!]/g, "\\$&");
        assert.equal(matches(rule, name), true);
        assert.equal(matches(rule, other), name === other);
        assert.equal(matches(`*${rule}`, `${other}${name}`), true);
      }),
    );
  });
});

describe("what a plan must leave", () => {
  const mark = (p: Parameter, mark: MarkedParameter["mark"], reason?: "op" | "stop" | "unused"): MarkedParameter =>
    reason === undefined ? { ...p, mark } : { ...p, mark, reason };

  it("tells of a head that has nothing to train", () => {
    const headless = model.filter(({ name }) => !name.startsWith("head"));
    assert.equal(codeOf(() => applyPlan(["*", "!head.*"], headless, { headPrefix: "head" })).code, "recipe/head-parameters");
  });

  it("refuses a set that is never closed", () => {
    for (const rule of ["fc[", "!a.[0", "[]"]) assert.equal(codeOf(() => parseRule(rule)).code, "recipe/freeze-rule", rule);
    for (const rule of ["fc[12]", "\\[", "a[[]b"]) parseRule(rule);
  });

  it("refuses a plan that leaves nothing trainable", () => {
    const error = codeOf(() => assertTrainable([mark(model[0], "frozen"), mark(model[2], "blocked", "stop")]));
    assert.equal(error.code, "recipe/nothing-trainable");
    assert.match(error.message, /1 parameters are frozen, 1/);
    assertTrainable([mark(model[0], "frozen"), mark(model[2], "trainable")]);
  });

  it("refuses a trainable quantised tensor by name, and accepts it frozen or out of reach", () => {
    const table = parameter("embed.q", "embed/weight", "parameter", "int8");
    const error = codeOf(() => assertTrainable([mark(model[0], "trainable"), mark(table, "blocked", "op")]));
    assert.equal(error.code, "recipe/quantised");
    assert.match(error.message, /"embed\.q".*int8/);
    assertTrainable([mark(model[0], "trainable"), mark(table, "frozen")]);
    assertTrainable([mark(model[0], "trainable"), mark(table, "blocked", "unused")]);
  });

  it("lists what was asked to train and cannot", () => {
    const plan = applyPlan(["*", "!blocks.*"], model);
    const marked = [mark(model[0], "blocked", "stop"), mark(model[2], "blocked", "stop"), mark(model[3], "trainable")];
    assert.deepEqual(blockedRequests(marked, plan).map((p) => p.name), ["blocks.0.w"]); // prettier-ignore
  });

  it("names the nearest values for one that does not exist", () => {
    const graph: Graph = {
      name: "g",
      opsets: new Map([["", 20]]),
      inputs: [{ name: "pixels", type: undefined }],
      outputs: [],
      nodes: [{ name: "", opType: "Relu", domain: "", inputs: ["pixels"], outputs: ["features"], attributes: new Map() }],
      initializers: new Map(),
      sparseInitializers: new Map(),
      valueTypes: new Map(),
      functions: new Map(),
    };
    requireValue(graph, "features", "head.after");
    const error = codeOf(() => requireValue(graph, "featurs", "head.after"));
    assert.equal(error.code, "recipe/unknown-value");
    assert.equal(error.hint, 'Did you mean "features"?');
  });
});
