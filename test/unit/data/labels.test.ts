import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { balancedWeights, binaryTargets, classLabels, numericTargets, type Labels } from "../../../core/data/labels.js";
import type { EngineError } from "../../../core/errors.js";

function tableOf(columns: Readonly<Record<string, readonly string[]>>): Labels {
  const rows = Object.values(columns)[0].length;
  return { path: "t.csv", rows, columns: new Map(Object.entries(columns)), describe: (row) => `t.csv:${row + 2}` };
}

const classesOf = (...labels: string[]): ReturnType<typeof classLabels> => classLabels(tableOf({ label: labels }), "label");

function failure(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    return { code: (error as EngineError).code, message: (error as EngineError).message };
  }
  return assert.fail("expected an error");
}

describe("class labels", () => {
  it("have weights under which all classes of some rows count alike", () => {
    const labels = { indices: Int32Array.of(0, 0, 0, 1, 3, 1), classes: 4 };
    assert.deepEqual(balancedWeights(labels, Uint32Array.of(0, 1, 2, 3)), [4 / 6, 4 / 2, 1, 1]);
    assert.deepEqual(balancedWeights(labels, Uint32Array.of(0, 3, 4)), [1, 1, 1, 1]);
  });

  it("are class indices as they stand where all are whole numbers", () => {
    assert.deepEqual(classesOf("3", "0", "1.0", "+3"), { indices: Int32Array.of(3, 0, 1, 3), classes: 4 });
    assert.equal(classLabels(tableOf({ label: ["0", "1"] }), "label", 10).classes, 10);
  });

  it("are texts in sorted order where any is something else", () => {
    assert.deepEqual(classesOf("dog", "cat", "Dog", "cat"), { indices: Int32Array.of(2, 1, 0, 1), classes: 3, names: ["Dog", "cat", "dog"] });
    assert.deepEqual(classesOf("1", "x", "0").names, ["0", "1", "x"]);
  });

  it("sort by value where all are numbers", () => {
    assert.deepEqual(classesOf("10.5", "-1", "2").names, ["-1", "2", "10.5"]);
    assert.deepEqual(classesOf("-1", "1", "-1").indices, Int32Array.of(0, 1, 0));
  });

  it("outside the output are refused with file, line, value and range", () => {
    const table = tableOf({ label: ["0", "9", "10", "123456789012"] });
    assert.deepEqual(
      failure(() => classLabels(table, "label", 10)),
      {
        code: "data/rows",
        message: [
          "t.csv: 2 rows cannot be used",
          '  t.csv:4: column "label": expected a class from 0 to 9, got 10',
          '  t.csv:5: column "label": expected a class from 0 to 9, got 123456789012',
        ].join("\n"),
      },
    );
    assert.equal(failure(() => classLabels(table, "label")).code, "data/rows");
  });

  it("with more names than the output has classes are refused", () => {
    assert.deepEqual(
      failure(() => classLabels(tableOf({ label: ["a", "b", "a", "b", "A"] }), "label", 2)),
      {
        code: "data/classes",
        message: [
          't.csv: column "label" holds 3 classes, the model\'s output has 2; those with the fewest rows:',
          '  t.csv:6: "A", in this row only',
          '  t.csv:2: "a", the first of 2 rows',
          '  t.csv:3: "b", the first of 2 rows',
        ].join("\n"),
      },
    );
  });

  it("that are missing or not finite are refused with file and line, among indices and among names", () => {
    for (const text of ["NaN", "nan", "-nan", "Infinity", "inf", "-Infinity", "null", "N/A", ""])
      for (const others of [
        ["0", "1"],
        ["cat", "dog"],
      ])
        // prettier-ignore
        assert.deepEqual(
          failure(() => classesOf(others[0], text, others[1])),
          {
            code: "data/rows",
            message: `t.csv: 1 row cannot be used\n  t.csv:3: column "label": expected a class, got ${text === "" ? "an empty cell" : `"${text}"`}`,
          },
        );
    assert.deepEqual(classesOf("none", "NA").names, ["NA", "none"]);
  });

  it("refuse a few other texts among indices instead of making names of them all", () => {
    const indices = Array.from({ length: 9 }, (_, i) => String(i % 3));
    for (const text of ["-1", "1.5", "cat", "1e0"])
      assert.deepEqual(
        failure(() => classesOf(...indices, text)),
        {
          code: "data/rows",
          message: `t.csv: 1 row cannot be used\n  t.csv:11: column "label": expected a whole number from 0 up, as in 9 of 10 rows, got "${text}"`,
        },
      );
    assert.deepEqual(classesOf(...indices.slice(1), "cat", "dog").names, ["0", "1", "2", "cat", "dog"]);
  });
});

describe("numeric targets", () => {
  it("stand row by row, columns in the order of the request", () => {
    const table = tableOf({ z: ["3", "4e1"], y: ["1", "-2.5"] });
    assert.deepEqual(numericTargets(table), { values: Float32Array.of(3, 1, 40, -2.5), columns: 2 });
  });

  it("that are no numbers are refused with file, line and column", () => {
    const table = tableOf({ y: ["1", "x", "NaN"], z: ["1", "2", "3"] });
    assert.deepEqual(
      failure(() => numericTargets(table)),
      {
        code: "data/rows",
        message: [
          "t.csv: 2 rows cannot be used",
          '  t.csv:3: column "y": expected a number, got "x"',
          '  t.csv:4: column "y": expected a number, got "NaN"',
        ].join("\n"),
      },
    );
  });
});

describe("binary targets", () => {
  it("are columns of 0 and 1", () => {
    const table = tableOf({ b: ["1", "0", " 0 "], a: ["0", "1", "1.0"] });
    assert.deepEqual(binaryTargets(table), { values: Float32Array.of(1, 0, 0, 1, 0, 1), columns: 2 });
  });

  it("refuse anything else, naming the cell", () => {
    const { code, message } = failure(() => binaryTargets(tableOf({ a: ["0", "2", "yes"] })));
    assert.equal(code, "data/rows");
    assert.match(message, /t\.csv:3: column "a": expected 0 or 1, got "2"\n {2}t\.csv:4: .*got "yes"/);
  });
});
