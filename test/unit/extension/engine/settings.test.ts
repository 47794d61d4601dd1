import assert from "node:assert/strict";
import { isolationSetting, requestSettings } from "../../../../extension/engine/settings.js";

const reading = (settings: Readonly<Record<string, unknown>>) => (key: string) => settings[key];

describe("settings as the engine has them", () => {
  it("say nothing where they are as they come, but let the runtime's threads sleep", () => {
    const settings = { "engine.provider": "auto", "engine.threads": 0, "cache.folder": "", "runs.folder": " " };
    assert.deepEqual(requestSettings(reading(settings)), { defaults: {}, spinning: false });
  });

  it("give defaults for recipes, bytes for gigabytes, and folders", () => {
    const settings = { "engine.provider": "wasm", "engine.threads": 3, "cache.limit": 0.5, "cache.folder": "/c", "runs.folder": "runs" };
    assert.deepEqual(requestSettings(reading(settings)), {
      defaults: { provider: "wasm", threads: 3, cacheBytes: 5e8 },
      cacheFolder: "/c",
      runsFolder: "runs",
      spinning: false,
    });
  });

  it("count as not set where a file has what a setting cannot be", () => {
    const settings = { "engine.provider": 3, "engine.threads": 1.5, "cache.limit": -1, "cache.folder": null, "engine.isolation": "elsewhere" };
    assert.deepEqual(requestSettings(reading(settings)).defaults, {});
    assert.equal(isolationSetting(reading(settings)), "thread");
    assert.equal(isolationSetting(reading({ "engine.isolation": "process" })), "process");
  });
});
