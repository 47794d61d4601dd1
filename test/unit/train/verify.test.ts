import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { otherBaseModel, verifyFailed } from "../../../core/errors.js";
import { attribute } from "../../../core/graph/attributes.js";
import { tensorOf } from "../../../core/graph/tensor.js";
import type { Graph, Model, Tensor } from "../../../core/graph/types.js";
import { metadataKeys, readTrainingMetadata, withTrainingMetadata, type TrainingMetadata } from "../../../core/train/metadata.js";
import { writeModel } from "../../../core/onnx/file.js";
import { verifyFiles, verifyModels, type VerifyReport } from "../../../core/train/verify.js";
import { graphOf, info, modelOf, node, thrown } from "../../support/graphs.js";

const weights = graphOf({
  inputs: [info("x", ["N", 2])],
  outputs: [info("y", ["N", 1])],
  nodes: [
    { ...node("Constant", [], ["c"]), attributes: new Map([["value", attribute(tensorOf("float32", [1, 2], [2]))]]) },
    node("Add", ["x", "c"], ["a"], {}, "/shift/Add"),
    node("Gemm", ["a", "w", "b"], ["h"], {}, "/fc1/Gemm"),
    node("Gemm", ["h", "v"], ["y"], {}, "/fc2/Gemm"),
  ],
  tensors: {
    w: tensorOf("float32", [1, 2, 3, 4], [2, 2]),
    b: tensorOf("float32", [0, 1], [2]),
    v: tensorOf("float32", [5, 6], [2, 1]),
    steps: tensorOf("int64", [1]),
  },
});

function changed(tensors: Readonly<Record<string, Tensor | undefined>>, training?: TrainingMetadata): Model {
  const initializers = new Map(Object.entries({ ...Object.fromEntries(weights.initializers), ...tensors }).filter((e): e is [string, Tensor] => e[1] !== undefined)); // prettier-ignore
  const graph: Graph = { ...weights, initializers };
  return { ...modelOf(graph), metadata: training === undefined ? new Map() : withTrainingMetadata(new Map(), training) };
}

const moved = tensorOf("float32", [1, 2, 3, 5], [2, 2]);
const verify = (after: Model, frozen?: readonly string[]): VerifyReport => verifyModels(modelOf(weights), after, { frozen });

describe("verifying a model against its base", () => {
  it("accepts changes of what was trained only", () => {
    const report = verify(changed({ w: moved, head: tensorOf("float32", [1]) }, { trained: ["w", "head"] }));
    assert.deepEqual(report, { same: ["b", "v", "c"], changed: ["w"], added: ["head"], removed: [], violations: [], checked: 3 });
  });

  it("finds a change of what was not trained, by a single bit, in initializers and Constant nodes", () => {
    assert.deepEqual(verify(changed({ w: moved }, { trained: ["b"] })).violations, ["w"]);
    const constant = { ...weights.nodes[0], attributes: new Map([["value", attribute(tensorOf("float32", [1, 2.0000002], [2]))]]) };
    const after = { ...changed({}, { trained: [] }), graph: { ...weights, nodes: [constant, ...weights.nodes.slice(1)] } };
    assert.deepEqual(verify(after).violations, ["c"]);
  });

  it("counts another shape or element type as a change", () => {
    assert.deepEqual(verify(changed({ b: tensorOf("float32", [0, 1], [1, 2]) }, { trained: [] })).violations, ["b"]);
    assert.deepEqual(verify(changed({ b: tensorOf("float64", [0, 1], [2]) }, { trained: [] })).violations, ["b"]);
  });

  it("misses no tensor that is gone, unless the recorded cut removed it", () => {
    assert.deepEqual(verify(changed({ v: undefined }, { trained: [] })).violations, ["v"]);
    const cut = verify(changed({ v: undefined }, { trained: [], cut: { after: "h", removed: ["v"] } }));
    assert.deepEqual([cut.removed, cut.violations, cut.checked], [["v"], [], 3]);
    assert.deepEqual(verify(changed({ v: moved }, { trained: [], cut: { after: "h", removed: ["v"] } })).violations, ["v"]);
  });

  it("leaves integer tensors aside: shapes may be rewritten when a batch is freed", () => {
    assert.deepEqual(verify(changed({ steps: tensorOf("int64", [2]) }, { trained: [] })).violations, []);
  });

  it("takes what must be unchanged from globs over names and paths", () => {
    const after = changed({ w: moved });
    assert.deepEqual(verify(after, ["*"]).violations, ["w"]);
    assert.deepEqual(verify(after, ["fc1/weight"]).violations, ["w"]);
    assert.deepEqual(verify(after, ["*", "!fc1*"]).violations, []);
    assert.equal(verify(after, ["*", "!fc1*"]).checked, 2);
    assert.deepEqual(verify(changed({ w: moved }, { trained: ["w"] }), ["w"]).violations, ["w"]);
    assert.equal(thrown(() => verify(after, ["nothing*"])).code, "recipe/no-match");
  });

  it("refuses to judge where nothing says what must be unchanged", () => {
    assert.equal(thrown(() => verify(changed({}))).code, "usage/verify");
  });

  it("compares tensors of subgraphs under the node that holds them", () => {
    const holder = (value: number): Graph => {
      const inner = graphOf({ inputs: [], outputs: ["z"], nodes: [node("Identity", ["k"], ["z"])], tensors: { k: tensorOf("float32", [value]) } });
      const branch = attribute({ type: "graph", value: inner });
      const holding = { ...node("If", ["f"], ["y"], {}, "choice"), attributes: new Map([["then_branch", branch], ["else_branch", branch]]) }; // prettier-ignore
      return graphOf({ inputs: [info("f", [], "bool")], outputs: ["y"], nodes: [holding] });
    };
    const after = { ...modelOf(holder(2)), metadata: withTrainingMetadata(new Map(), { trained: [] }) };
    assert.deepEqual(verifyModels(modelOf(holder(1)), after).violations, ["choice/then_branch/k", "choice/else_branch/k"]);
  });
});

describe("verifying files", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "frostline-verify-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("says whether the earlier file is the one that the run started from", async () => {
    const [base, other, after] = ["base.onnx", "other.onnx", "after.onnx"].map((name) => join(folder, name));
    await writeModel(modelOf(weights), base);
    await writeModel({ ...modelOf(weights), metadata: new Map([["author", "me"]]) }, other);
    const hashOf = async (path: string): Promise<string> => createHash("sha256").update(await readFile(path)).digest("hex"); // prettier-ignore
    const expected = await hashOf(base);
    await writeModel(changed({ w: moved }, { trained: ["w"], baseModel: expected }), after);
    assert.deepEqual((await verifyFiles(base, after)).baseModel, { expected, got: expected, same: true });
    assert.deepEqual((await verifyFiles(other, after)).baseModel, { expected, got: await hashOf(other), same: false });
    assert.equal((await verifyFiles(base, base, { frozen: ["*"] })).baseModel, undefined);
  });

  it("puts another base first among what is wrong", () => {
    const note = otherBaseModel("b.onnx", { expected: "12", got: "34" });
    assert.equal(
      verifyFailed(["w"], 3, note).message,
      '"b.onnx" is not the file that the run started from: its SHA-256 is 34, the recorded one 12; 1 of 3 tensors that had to stay the same did not: w',
    );
    assert.equal(verifyFailed(["w"], 3).message, "1 of 3 tensors that had to stay the same did not: w");
  });
});

describe("training metadata", () => {
  const training: TrainingMetadata = {
    version: "1.2.3",
    baseModel: "abc",
    run: "r1",
    freezePlan: [{ phase: "p", freeze: ["*"], stopGradient: [] }],
    labels: ["a", "1"],
    transform: [{ reshape: [1, 2] }, { resize: [2, 2], method: "nearest" }, { pad: [4, 4], value: 0 }],
    trained: ["w"],
    cut: { after: "h", removed: ["v"] },
    proof: [{ phase: "p", steps: [0, 3], before: { b: "00" }, changed: [], readBack: true }],
  };

  it("comes back as it was written, beside the model's own", () => {
    const written = withTrainingMetadata(new Map([["author", "me"]]), training);
    assert.equal(written.get("author"), "me");
    assert.equal(written.size, metadataKeys.length + 1);
    assert.deepEqual(readTrainingMetadata(written), training);
    assert.deepEqual(readTrainingMetadata(new Map()), {});
  });

  it("replaces what an earlier training wrote", () => {
    const again = withTrainingMetadata(withTrainingMetadata(new Map(), training), { run: "r2" });
    assert.deepEqual(readTrainingMetadata(again), { run: "r2" });
  });

  it("tells of an entry that cannot be read", () => {
    for (const text of ["{", '{"a":1}', "[1]"]) {
      const error = thrown(() => readTrainingMetadata(new Map([["frostline.trained", text]])));
      assert.equal(error.code, "model/metadata");
      assert.match(error.message, /"frostline\.trained"/);
    }
  });
});
