// The architecture's invariants as lint rules: for each, a line that breaks it is refused and its lawful neighbour is not.

import assert from "node:assert/strict";
import { ESLint } from "eslint";
import tseslint from "typescript-eslint";

// Snippets under made-up names belong to no TypeScript project, so the rules that need types are off.
const eslint = new ESLint({ overrideConfig: [{ files: ["**/*.ts"], ...tseslint.configs.disableTypeChecked }] });

/** Messages of the rules under test for a text that is taken to lie at `filePath`. */
async function lint(filePath: string, text: string): Promise<string[]> {
  const [{ messages }] = await eslint.lintText(text, { filePath });
  const fatal = messages.find((m) => m.fatal);
  assert.equal(fatal, undefined, fatal?.message);
  return messages.filter((m) => /boundaries|no-restricted-syntax|max-lines|no-explicit-any/.test(m.ruleId ?? "")).map((m) => m.message);
}

interface Case {
  readonly file: string;
  readonly code: string;
  readonly refused?: RegExp;
}

const cases: Record<string, readonly Case[]> = {
  "core never imports vscode": [
    { file: "core/train/x.ts", code: 'import * as vscode from "vscode"; vscode;', refused: /core never imports vscode/ },
    { file: "core/train/x.ts", code: 'import type { Uri } from "vscode"; let u: Uri;', refused: /core never imports vscode/ },
    { file: "core/train/x.ts", code: 'const vscode = require("vscode");', refused: /core never imports vscode/ },
    { file: "core/train/x.ts", code: 'import vscode = require("vscode");', refused: /core never imports vscode/ },
    { file: "core/train/x.ts", code: 'let u: import("vscode").Uri;', refused: /core never imports vscode/ },
    { file: "extension/extension.ts", code: 'import * as vscode from "vscode"; vscode;' },
  ],
  "core imports nothing that is built on it": [
    { file: "core/train/x.ts", code: 'import { a } from "../../extension/engine/a.js"; a;', refused: /knows nothing/ },
    { file: "core/train/x.ts", code: 'import { a } from "../../test/support/a.js"; a;', refused: /knows nothing/ },
  ],
  "only core/runtime imports onnxruntime": [
    { file: "core/train/x.ts", code: 'import * as ort from "onnxruntime-node"; ort;', refused: /Only core\/runtime/ },
    { file: "core/train/x.ts", code: 'export { Tensor } from "onnxruntime-common";', refused: /Only core\/runtime/ },
    { file: "core/train/x.ts", code: 'void import("onnxruntime-web");', refused: /Only core\/runtime/ },
    { file: "extension/x.ts", code: 'import * as ort from "onnxruntime-node"; ort;', refused: /Only core\/runtime/ },
    { file: "core/runtime/native.ts", code: 'import * as ort from "onnxruntime-node"; ort;' },
    { file: "test/golden/x.test.ts", code: 'import * as ort from "onnxruntime-node"; ort;' },
  ],
  "only core/onnx knows protobuf": [
    { file: "core/graph/x.ts", code: 'import { create } from "@bufbuild/protobuf"; create;', refused: /Only core\/onnx/ },
    {
      file: "core/graph/x.ts",
      code: 'import type { ModelProto } from "../onnx/generated/onnx_pb.js"; let m: ModelProto;',
      refused: /Only core\/onnx/,
    },
    { file: "core/graph/x.ts", code: 'export * from "../onnx/generated/onnx_pb.js";', refused: /Only core\/onnx/ },
    { file: "core/onnx/x.ts", code: 'import { create } from "@bufbuild/protobuf"; import { a } from "./generated/onnx_pb.js"; create(a);' },
  ],
  "autodiff and passes are blind to operator types": [
    { file: "core/autodiff/x.ts", code: 'import { conv } from "../ops/conv.js"; conv;', refused: /blind to operator types/ },
    { file: "core/passes/x.ts", code: 'import { conv } from "../ops/conv.js"; conv;', refused: /blind to operator types/ },
    { file: "core/autodiff/x.ts", code: 'import { definitionOf } from "../ops/index.js"; definitionOf;' },
    { file: "core/passes/x.ts", code: 'import type { OpDefinition } from "../ops/define.js"; let d: OpDefinition;' },
    { file: "core/ops/index.ts", code: 'import { conv } from "./conv.js"; conv;' },
  ],
  "the command line never loads the runtime": [
    { file: "core/cli/x.ts", code: 'import { compile } from "../runtime/executor.js"; compile;', refused: /never loads the runtime/ },
    { file: "core/cli/x.ts", code: 'import { type Provider, compile } from "../runtime/executor.js"; compile;', refused: /never loads the runtime/ },
    { file: "core/cli/x.ts", code: 'import type { Provider } from "../runtime/executor.js"; let p: Provider;' },
    { file: "core/cli/x.ts", code: 'import { type Provider } from "../runtime/executor.js"; let p: Provider;' },
  ],
  "extension imports from core only what starts workers, errors and texts": [
    {
      file: "extension/engine/x.ts",
      code: 'import { gradients } from "../../core/autodiff/gradients.js"; gradients;',
      refused: /only worker\/contract/,
    },
    {
      file: "extension/engine/x.ts",
      code: 'import type { Graph } from "../../core/graph/types.js"; let g: Graph;',
      refused: /only worker\/contract/,
    },
    { file: "extension/engine/x.ts", code: 'import { a } from "../../core/worker/contract.js"; import { b } from "../../core/errors.js"; a(b);' },
    { file: "extension/engine/x.ts", code: 'import { a } from "../../core/worker/client.js"; import { b } from "../../core/text/tables.js"; a(b);' },
  ],
  "webviews import contracts as types only": [
    { file: "media/graph/x.ts", code: 'import { a } from "../../extension/graph/contract.js"; a;', refused: /as types only/ },
    { file: "media/graph/x.ts", code: 'import type { A } from "../../extension/graph/view.js"; let a: A;', refused: /only contracts/ },
    { file: "media/graph/x.ts", code: 'import type { A } from "../../core/worker/contract.js"; let a: A;', refused: /only contracts/ },
    { file: "media/graph/x.ts", code: 'import type { A } from "../../extension/graph/contract.js"; let a: A;' },
  ],
  "core reports failures through the factories of core/errors": [
    { file: "core/train/x.ts", code: 'throw new Error("no");', refused: /never with a bare Error/ },
    { file: "core/train/x.ts", code: 'throw TypeError("no");', refused: /never with a bare Error/ },
    { file: "core/train/x.ts", code: 'new errors.EngineError({ code: "run/x", message: "", data: {} });', refused: /Only core\/errors/ },
    { file: "core/errors/run.ts", code: 'new EngineError({ code: "run/x", message: "", data: {} });' },
    { file: "extension/x.ts", code: 'throw new Error("no");' },
  ],
  "nothing is exported as default": [
    { file: "core/train/x.ts", code: "export default 1;", refused: /No default exports/ },
    { file: "extension/x.ts", code: "const a = 1; export { a as default };", refused: /No default exports/ },
    { file: "test/unit/x.test.ts", code: "export default 1;", refused: /No default exports/ },
  ],
  "a file ends at 500 lines": [
    { file: "core/train/x.ts", code: "// one\n".repeat(501), refused: /too many lines/ },
    { file: "core/train/x.ts", code: "// one\n".repeat(500) },
  ],
  "any is refused": [{ file: "core/train/x.ts", code: "let a: any;", refused: /Unexpected any/ }],
};

describe("lint rules", function () {
  this.timeout(60_000);
  for (const [invariant, list] of Object.entries(cases)) {
    describe(invariant, () => {
      for (const { file, code, refused } of list) {
        const lines = code.trimEnd().split("\n");
        const shown = lines.length === 1 ? code : `${lines.length} lines`;
        it(`${refused === undefined ? "allows" : "refuses"} in ${file}: ${shown}`, async () => {
          const messages = await lint(file, code);
          if (refused === undefined) assert.deepEqual(messages, []);
          else assert.match(messages.join("\n"), refused);
        });
      }
    });
  }
});
