import assert from "node:assert/strict";
import picocolors from "picocolors";
import type { PlanRow } from "../../../core/train/events.js";
import { columns, confusionTable, count, duration, freezeTable, metrics, percent, plural, totalsLine } from "../../../core/text/tables.js";

const plain = picocolors.createColors(false);
const colored = picocolors.createColors(true);

describe("tables", () => {
  it("align columns, and do not count colours as width", () => {
    const rows = [["a", "1"], [colored.green("bbb"), "22"]]; // prettier-ignore
    assert.deepEqual(columns(rows, ["left", "right"]), ["  a     1", `  ${colored.green("bbb")}  22`]);
    assert.deepEqual(columns([]), []);
  });

  it("write numbers for people", () => {
    assert.equal(count(1147763), "1,147,763");
    assert.equal(plural(1, "tensor"), "1 tensor");
    assert.equal(plural(2, "entry", "entries"), "2 entries");
    assert.equal(percent(0.965), "96.50 %");
    assert.deepEqual([0.04, 4.2, 42.4, 60, 125, 3599.9, 3600, 7385].map(duration), ["0.0 s", "4.2 s", "42 s", "1 min 00 s", "2 min 05 s", "1 h 00 min", "1 h 00 min", "2 h 03 min"]); // prettier-ignore
    assert.equal(metrics({ loss: 0.12345, accuracy: 0.5 }), "loss 0.1235  accuracy 50.00 %");
    assert.equal(metrics({ loss: 2, meanAbsoluteError: 0.25 }), "loss 2.0000  mean absolute error 0.2500");
    assert.equal(metrics({ loss: 1, auc: 0.75, f1: 0.5, topKAccuracy: 0.9 }), "loss 1.0000  top-k accuracy 90.00 %  F1 50.00 %  AUC 0.7500");
    assert.equal(
      totalsLine({ parameters: 1000, trainable: 25, frozen: 975, blocked: 0, buffers: 8 }),
      "1,000 parameters: 25 trainable (2.5 %), 975 frozen, 0 blocked; 8 in buffers",
    );
  });

  it("tell a small share from none", () => {
    const line = (trainable: number): string => totalsLine({ parameters: 10000, trainable, frozen: 0, blocked: 0, buffers: 0 });
    assert.match(line(4), /4 trainable \(< 0\.1 %\)/);
    assert.match(line(5), /5 trainable \(0\.1 %\)/);
    assert.match(line(0), /0 trainable \(0\.0 %\)/);
  });

  const row = (layer: string, mark: PlanRow["mark"]): PlanRow => ({ layer, mark, tensors: 2, elements: 10 });

  it("show a line for each layer and mark of a small plan", () => {
    assert.deepEqual(freezeTable([row("conv", "frozen"), { ...row("fc", "blocked"), reason: "stop" }], plain), [
      "  layer  mark            tensors  elements",
      "  conv   frozen                2        10",
      "  fc     blocked (stop)        2        10",
    ]);
  });

  it("draw the layers of a large plan together by scope, never over two marks", () => {
    const rows = Array.from({ length: 30 }, (_, i) => row(`blocks.${Math.floor(i / 10)}.conv${i % 10}`, i < 25 ? "frozen" : "trainable"));
    assert.deepEqual(
      freezeTable(rows, plain)
        .slice(1)
        .map((line) => line.trim().replace(/ {2,}/g, " | ")),
      [
        // prettier-ignore
        "blocks.0.* (10 layers) | frozen | 20 | 100",
        "blocks.1.* (10 layers) | frozen | 20 | 100",
        "blocks.2.* (5 layers) | frozen | 10 | 50",
        "blocks.2.* (5 layers) | trainable | 10 | 50",
      ],
    );
    const unnamed = Array.from({ length: 60 }, (_, i) => row(`Conv_${i}`, i < 40 ? "frozen" : "trainable"));
    assert.deepEqual(
      freezeTable(unnamed, plain)
        .slice(1)
        .map((line) => line.trim().replace(/ {2,}/g, " | ")),
      [
        // prettier-ignore
        "Conv_0 … Conv_39 (40 layers) | frozen | 80 | 400",
        "Conv_40 … Conv_59 (20 layers) | trainable | 40 | 200",
      ],
    );
  });

  it("show a confusion matrix, and only its worst entries for many classes", () => {
    assert.deepEqual(confusionTable({ labels: ["a", "bc"], counts: [[10, 0], [2, 7]] }, plain), ["       a  bc", "   a  10   ·", "  bc   2   7"]); // prettier-ignore
    const labels = Array.from({ length: 30 }, (_, i) => `c${i}`);
    const counts = labels.map((_, a) => labels.map((_, p) => (a === p ? 5 : a === 3 && p === 4 ? 2 : a === 0 && p === 1 ? 3 : 0)));
    assert.deepEqual(confusionTable({ labels, counts }, plain), ["  c0  taken for  c1  3", "  c3  taken for  c4  2"]);
  });
});
