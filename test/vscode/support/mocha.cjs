// @ts-check
// The module that the extension host runs: mocha over the files that FROSTLINE_TEST_FILES names, written in TypeScript.

const vscode = require("vscode");
require("tsx/cjs/api").register();

async function run() {
  const { default: Mocha } = await import("mocha");
  process.env.FROSTLINE_TEST_ABOUT = `VS Code ${vscode.version}, Node ${process.versions.node}`;
  const mocha = new Mocha({ timeout: 60_000, forbidOnly: true, reporter: require.resolve("../../support/reporter.cjs") });
  for (const file of JSON.parse(process.env.FROSTLINE_TEST_FILES ?? "[]")) mocha.addFile(file);
  return new Promise((resolve, reject) => {
    mocha.run((failures) => (failures === 0 ? resolve(undefined) : reject(new Error(`${failures} failed`))));
  });
}

module.exports = { run };
