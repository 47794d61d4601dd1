// Every command of the extension by its id, as the manifest declares them; and the keys that its `when` clauses ask for.

export const Command = {
  openModel: "frostline.openModel",
  newRecipe: "frostline.newRecipe",
  fineTune: "frostline.fineTune",
  pause: "frostline.pause",
  resume: "frostline.resume",
  stopTraining: "frostline.stopTraining",
  freezeLayers: "frostline.freezeLayers",
  unfreezeLayers: "frostline.unfreezeLayers",
  exportModel: "frostline.exportModel",
  verify: "frostline.verify",
  showRunLog: "frostline.showRunLog",
} as const;
export type Command = (typeof Command)[keyof typeof Command];

/** Keys of `when` clauses that the extension sets. */
export const ContextKey = {
  /** Runs are going on in this window. */
  running: "frostline.running",
  /** Runs of this window were paused and can go on. */
  paused: "frostline.paused",
} as const;
