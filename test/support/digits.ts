// The demo's digits in every kind of file, all with the same samples in the same order.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { parquetWriteBuffer } from "hyparquet-writer";
import { encodeIdx, encodeNpy } from "./array-files.js";

const table = join(__dirname, "../../media/examples/digits/digits.csv");

/** Writes the first `count` digits to files in `folder`; answers the settings of `data` that read them, by kind of source. */
export async function writeDigits(folder: string, count: number): Promise<Readonly<Record<string, Readonly<Record<string, unknown>>>>> {
  const [header, ...lines] = (await readFile(table, "utf8"))
    .trimEnd()
    .split("\n")
    .slice(0, count + 1);
  const names = header.split(",");
  const rows = lines.map((line) => line.split(",").map(Number));
  const at = names.indexOf("label");
  const labels = rows.map((row) => row[at]);
  const pixels = rows.map((row) => row.filter((_, i) => i !== at));
  const flat = pixels.flat();
  const shape = [rows.length, pixels[0].length];
  const x = encodeNpy({ type: "u1", shape, values: flat });
  const y = encodeNpy({ type: "i8", shape: [rows.length], values: labels });
  const columnData = names.map((name, i) => ({ name, data: rows.map((row) => row[i]), type: "INT32" as const }));
  const files: Readonly<Record<string, string | Uint8Array>> = {
    "digits.csv": [header, ...lines].join("\n"),
    "digits.jsonl": pixels.map((p, i) => JSON.stringify({ pixels: p, label: labels[i] })).join("\n"),
    "digits.parquet": new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 50 })),
    "digits.npz": zipSync({ "x.npy": encodeNpy({ type: "f4", shape, values: flat, fortran: true }), "y.npy": y }),
    "x.npy": x,
    "y.npy": y,
    "x.idx.gz": gzipSync(encodeIdx("u1", shape, flat)),
    "y.idx": encodeIdx("u1", [rows.length], labels),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return {
    csv: { csv: "digits.csv", features: ["p*"], label: "label" },
    jsonl: { jsonl: "digits.jsonl", features: "pixels", label: "label" },
    parquet: { parquet: "digits.parquet", features: "p*", label: "label" },
    npz: { npz: "digits.npz", features: "x", label: "y" },
    npy: { npy: { samples: "x.npy", labels: "y.npy" } },
    idx: { idx: { samples: "x.idx.gz", labels: "y.idx" } },
  };
}
