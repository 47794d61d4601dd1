// The colours of text for people: those of a terminal, or none.

import picocolors from "picocolors";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** For text that is no terminal's. */
export const noColors: Colors = picocolors.createColors(false);
