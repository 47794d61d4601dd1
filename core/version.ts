// The version of Frostline, as package.json has it.

import manifest from "../package.json";

export const version: string = manifest.version;
