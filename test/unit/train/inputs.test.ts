import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { EngineError } from "../../../core/errors.js";
import { graphOf, info, node } from "../../support/graphs.js";
import { blobs, noise, Workspace } from "../../support/training.js";

/** The engine error that a run ends with. */
async function failureOf(run: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await run.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof EngineError, `expected an engine error, got ${String(error)}`);
  return error;
}

describe("what a model takes in and gives out", () => {
  let workspace: Workspace;

  beforeEach(async () => {
    workspace = await Workspace.create();
  });

  afterEach(() => workspace.remove());

  it("attaches a head to a model whose sizes are open: the samples settle them", async () => {
    await workspace.writeGraph(
      graphOf({
        inputs: [info("x", ["N", 1, "H", "W"])],
        outputs: ["features"],
        nodes: [node("Conv", ["x", "w"], ["maps"], { pads: [1, 1, 1, 1] }), node("Relu", ["maps"], ["features"])],
        tensors: { w: noise([2, 1, 3, 3], 1) },
      }),
    );
    await workspace.writeTable(blobs(24, 12, 2));
    const head = { after: "features", layers: [{ type: "flatten" }, { type: "dense", units: 2 }] };
    const { result } = await workspace.train({ head, data: { transform: [{ reshape: [1, 3, 4] }] } });
    assert.equal(result.reason, "completed");
    assert.deepEqual((await workspace.tensors()).get("head.0.weight")?.shape, [2, 24]);
  });

  describe("tokens", () => {
    const rows = blobs(12, 3, 2).map(([label], i) => [label, i % 5, (i + 1) % 5, 4]);

    beforeEach(() =>
      workspace.writeGraph(
        graphOf({
          inputs: [info("tokens", ["N", 3], "int64")],
          outputs: ["logits"],
          nodes: [
            node("Gather", ["table", "tokens"], ["embedded"]),
            node("ReduceMean", ["embedded", "axes"], ["pooled"], { keepdims: 0 }),
            node("MatMul", ["pooled", "w"], ["logits"]),
          ],
          tensors: {
            table: noise([5, 4], 1),
            w: noise([4, 2], 2),
            axes: { dtype: "int64", shape: [1], data: new Uint8Array(new BigInt64Array([1n]).buffer) },
          },
        }),
      ),
    );

    it("train an embedding table", async () => {
      await workspace.writeTable(rows);
      const { result } = await workspace.train({ freeze: ["*", "!table"] });
      assert.equal(result.proof.frozen, 1);
    });

    for (const [what, token] of [
      ["a fraction", 1.5],
      ["one that the table does not have", 5],
      ["a negative one", -1],
    ] as const) {
      it(`refuses ${what}, naming its line`, async () => {
        await workspace.writeTable(rows.map((row, i) => (i === 6 ? [row[0], row[1], token, row[3]] : row)));
        const error = await failureOf(workspace.train());
        assert.equal(error.code, "data/rows");
        assert.match(error.message, /data\.csv:8: input "tokens" takes whole numbers from 0 to 4, got -?\d(\.5)? at position 2/);
      });
    }
  });

  it("refuses an output that is a folder before anything is computed", async () => {
    await workspace.writeGraph(
      graphOf({ inputs: [info("x", ["N", 2])], outputs: ["y"], nodes: [node("MatMul", ["x", "w"], ["y"])], tensors: { w: noise([2, 2], 1) } }),
    );
    await workspace.writeTable(blobs(8, 2, 2));
    await mkdir(workspace.path("models"));
    const error = await failureOf(workspace.train({ output: "models" }));
    assert.equal(error.code, "recipe/output");
  });
});
