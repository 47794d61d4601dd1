// @ts-check
// Writes a model that hands on the 784 pixels of a picture as they are: `node --import tsx write-model.mjs [FILE]`, without one to
// `pixels.onnx` beside this file. All that learns is the head that the recipe attaches to it.

import { fileURLToPath } from "node:url";
import { writeModel } from "../../../core/index.js";

/** @typedef {import("../../../core/index.js").Graph} Graph */

/** @param {string} name @returns {Graph["inputs"][number]} */
const picture = (name) => ({ name, type: { kind: "tensor", dtype: "float32", shape: ["batch", 28 * 28] } });

/** @type {Graph} */
const graph = {
  name: "pixels",
  opsets: new Map([["", 21]]),
  inputs: [picture("pixels")],
  outputs: [picture("same")],
  nodes: [{ opType: "Identity", domain: "", name: "/Identity", inputs: ["pixels"], outputs: ["same"], attributes: new Map() }],
  initializers: new Map(),
  sparseInitializers: new Map(),
  valueTypes: new Map(),
  functions: new Map(),
};

const path = process.argv[2] ?? fileURLToPath(new URL("pixels.onnx", import.meta.url));
await writeModel({ graph, irVersion: 10, producerName: "", producerVersion: "", metadata: new Map() }, path);
console.log(`written: ${path}`);
