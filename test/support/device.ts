// The software Vulkan device that WebGPU is tested on where the machine has it: SwiftShader, as Debian's package chromium ships it.

import { existsSync } from "node:fs";

const folder = "/usr/lib/chromium";
const files = [`${folder}/vk_swiftshader_icd.json`, `${folder}/libvulkan.so.1`];

/** What the environment of a process must have to use the device; or why there is none. */
export function softwareDevice():
  { readonly env: Readonly<Record<string, string>>; readonly missing?: never } | { readonly env?: never; readonly missing: string } {
  const missing = files.find((file) => !existsSync(file));
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "the software Vulkan device is looked for on linux-x64 only" };
  if (missing !== undefined) return { missing: `no software Vulkan device: ${missing} of Debian's package chromium is not there` };
  return { env: { VK_ICD_FILENAMES: files[0], LD_LIBRARY_PATH: folder } };
}
