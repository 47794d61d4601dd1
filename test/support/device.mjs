// @ts-check
// The software Vulkan device that WebGPU is tested on where the machine has it: SwiftShader, as Debian's package chromium ships it.

import { existsSync } from "node:fs";

const folder = "/usr/lib/chromium";
const files = [`${folder}/vk_swiftshader_icd.json`, `${folder}/libvulkan.so.1`];

/**
 * What the environment of a process must have to use the device, or why there is none.
 * @returns {{ env: Readonly<Record<string, string>>, missing?: undefined } | { env?: undefined, missing: string }}
 */
export function softwareDevice() {
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "the software Vulkan device is looked for on Linux on x64 only" };
  const missing = files.find((file) => !existsSync(file));
  if (missing !== undefined) return { missing: `no software Vulkan device: ${missing} of Debian's package chromium is not there` };
  return { env: { VK_ICD_FILENAMES: files[0], LD_LIBRARY_PATH: folder } };
}
