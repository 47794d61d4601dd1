// @ts-check
// The rules of the code: typescript-eslint's recommendations, the conventions that can be checked, and who may import whom.

import { posix, relative, sep } from "node:path";
import eslint from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const root = import.meta.dirname;

/**
 * Who may not import what. Paths are relative to the repository, packages are named as they are imported; `typesOnly` still
 * allows `import type`.
 * @type {readonly { readonly from: RegExp, readonly refuse: RegExp, readonly typesOnly?: boolean, readonly message: string }[]}
 */
const boundaries = [
  { from: /^core\//, refuse: /^vscode$/, message: "core never imports vscode: it also runs outside the editor." },
  { from: /^core\//, refuse: /^(extension|media|test)\//, message: "core knows nothing of what is built on it." },
  { from: /^(extension|media|core\/(?!runtime\/))/, refuse: /^onnxruntime-/, message: "Only core/runtime imports onnxruntime." },
  {
    from: /^(extension|media|core\/(?!onnx\/))/,
    refuse: /^(@bufbuild\/|core\/onnx\/generated\/)/,
    message: "Only core/onnx knows protobuf: import what core/onnx offers.",
  },
  {
    from: /^core\/(autodiff|passes)\//,
    refuse: /^core\/ops\/(?!(index|define|infer|rewrite)\.js$)/,
    message:
      "autodiff and passes are blind to operator types: what they need of an operator, its definition says (ops/index, ops/define, ops/infer, ops/rewrite).",
  },
  {
    from: /^core\/cli\//,
    refuse: /^core\/runtime\//,
    typesOnly: true,
    message: "The command line never loads the runtime: it asks the worker, through core/worker/contract.",
  },
  {
    from: /^extension\//,
    refuse: /^core\/(?!(worker\/(contract|client|link)|errors|process-identity|text\/[a-z-]+)\.js$)/,
    message:
      "extension imports from core only worker/contract, client and link, errors, process-identity and text: everything else runs in the worker.",
  },
  { from: /^media\//, refuse: /^(core|test)\//, message: "A webview imports only contracts." },
  { from: /^media\//, refuse: /^extension\/(?!.*contract\.js$)/, message: "A webview imports only contracts." },
  { from: /^media\//, refuse: /^extension\//, typesOnly: true, message: "A webview imports contracts as types only." },
];

/** Checks every form of import against `boundaries`. */
const boundaryRule = {
  meta: { type: "problem", schema: [] },
  /** @param {any} context */
  create(context) {
    const file = relative(root, context.filename).split(sep).join("/");
    /** @param {any} node @param {any} source @param {boolean} isType */
    const check = (node, source, isType) => {
      if (typeof source?.value !== "string") return;
      const target = source.value.startsWith(".") ? posix.join(posix.dirname(file), source.value) : source.value;
      const broken = boundaries.find((b) => b.from.test(file) && b.refuse.test(target) && !(b.typesOnly && isType));
      if (broken) context.report({ node, message: broken.message });
    };
    /** @param {any} node */
    const fromStatement = (node) => {
      const named = node.specifiers ?? [];
      const allTypes = named.length > 0 && named.every((/** @type {any} */ s) => (s.importKind ?? s.exportKind) === "type");
      check(node, node.source, (node.importKind ?? node.exportKind) === "type" || allTypes);
    };
    return {
      ImportDeclaration: fromStatement,
      ExportNamedDeclaration: fromStatement,
      ExportAllDeclaration: fromStatement,
      ImportExpression: (/** @type {any} */ node) => check(node, node.source, false),
      TSImportType: (/** @type {any} */ node) => check(node, node.source ?? node.argument?.literal, true),
      TSExternalModuleReference: (/** @type {any} */ node) => check(node, node.expression, node.parent.importKind === "type"),
      "CallExpression[callee.name='require']": (/** @type {any} */ node) => check(node, node.arguments[0], false),
    };
  },
};

const noDefaultExport = {
  selector: ":matches(ExportDefaultDeclaration, ExportSpecifier[exported.name='default'])",
  message: "No default exports: a thing has one name everywhere.",
};
const bareError = {
  selector: ":matches(NewExpression, CallExpression)[callee.name=/^(Error|TypeError|RangeError|SyntaxError|EvalError|AggregateError)$/]",
  message: "core reports failures through the factories of core/errors, never with a bare Error.",
};
const engineError = {
  selector: "NewExpression:matches([callee.name='EngineError'], [callee.property.name='EngineError'])",
  message: "Only core/errors builds an EngineError: add a factory there.",
};

export default defineConfig(
  { ignores: ["dist/", "out/", "coverage/", "node_modules/", ".vscode-test/", "**/generated/", "test/fixtures/"] },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    plugins: { frostline: { rules: { boundaries: boundaryRule } } },
    rules: {
      "frostline/boundaries": "error",
      "no-restricted-syntax": ["error", noDefaultExport],
      "max-lines": ["error", 500],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports", disallowTypeAnnotations: false }],
    },
  },
  { files: ["core/**/*.ts"], rules: { "no-restricted-syntax": ["error", noDefaultExport, bareError, engineError] } },
  { files: ["core/errors/*.ts"], rules: { "no-restricted-syntax": ["error", noDefaultExport, bareError] } },
  {
    files: ["**/*.{js,cjs,mjs}"],
    languageOptions: { globals: Object.fromEntries(Object.getOwnPropertyNames(globalThis).map((name) => [name, "readonly"])) },
    rules: { "max-lines": ["error", 500] },
  },
  {
    files: ["**/*.{js,cjs}"],
    languageOptions: { sourceType: "commonjs", globals: { require: "readonly", module: "writable", __dirname: "readonly", __filename: "readonly" } },
  },
  { files: ["**/*.mjs"], ignores: ["*.config.mjs"], rules: { "no-restricted-syntax": ["error", noDefaultExport] } },
);
