// Mocha's reporter for the test runner: prints failures only, and writes the counts and the titles of what was skipped to the file that FROSTLINE_TEST_REPORT names
// when all tests have run. A run that breaks off earlier leaves no file.

const { writeFileSync } = require("node:fs");
const { reporters, Runner } = require("mocha");

class CountingReporter extends reporters.Base {
  constructor(runner, options) {
    super(runner, options);
    const titles = [];
    runner.on(Runner.constants.EVENT_TEST_PENDING, (test) => titles.push(test.fullTitle()));
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures } = this.stats;
      if (failures > 0) reporters.Base.list(this.failures);
      const { FROSTLINE_TEST_ABOUT: about, FROSTLINE_TEST_REPORT: report } = process.env;
      writeFileSync(report, JSON.stringify({ passed: passes, failed: failures, skipped: titles, about, notes: globalThis.frostlineTestNotes }));
    });
  }
}

module.exports = CountingReporter;
