// Numbers as text files write them.

const decimal = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** A decimal number that float32 can hold, or undefined. White space around it does not count. */
export function parseDecimal(text: string): number | undefined {
  if (!decimal.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(Math.fround(value)) ? value : undefined;
}

/** What is wrong with a cell that `parseDecimal` does not read. */
export function notANumber(column: string, text: string): string {
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  const got = text.trim() === "" ? "an empty cell" : decimal.test(text) ? `${shown.trim()}, which is too large for float32` : JSON.stringify(shown);
  return `column "${column}": expected a number, got ${got}`;
}
