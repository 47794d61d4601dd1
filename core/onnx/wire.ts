// What a model file says beyond the graph: fields that the IR has no place for, unknown fields, and optional fields that are present
// although they hold their default. It travels in the IR's opaque `wire` properties, and only this folder looks inside.

import { create, type DescMessage, type Message, type MessageShape } from "@bufbuild/protobuf";

/** The part of a message that the IR does not carry. */
export interface Rest {
  /** Fields of the message that are kept as they are, unknown ones included. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Fields that the IR carries and that the file spells out although they hold their default. */
  readonly empty?: readonly string[];
}

type Values<M> = { readonly [K in Exclude<keyof M, "$typeName" | "$unknown">]?: M[K] | undefined };
type FieldName<M> = Exclude<keyof M, "$typeName" | "$unknown"> & string;

/** Splits off what the IR does not carry; undefined where that is nothing. */
export function restOf<M extends Message>(message: M, carried: readonly FieldName<M>[]): Rest | undefined {
  let fields: Record<string, unknown> | undefined;
  let empty: string[] | undefined;
  for (const key of Object.keys(message)) {
    const value = (message as unknown as Record<string, unknown>)[key];
    if (key === "$typeName" || isUnset(value)) continue;
    if (!(carried as readonly string[]).includes(key)) (fields ??= {})[key] = value;
    else if (isDefault(value)) (empty ??= []).push(key);
  }
  if (fields === undefined && empty === undefined) return undefined;
  return { ...(fields === undefined ? {} : { fields }), ...(empty === undefined ? {} : { empty }) };
}

/** A message from the IR's values and the kept rest. A value that is a default is written only where the file spelt it out. */
export function assemble<Desc extends DescMessage>(schema: Desc, rest: Rest | undefined, values: Values<MessageShape<Desc>>): MessageShape<Desc> {
  const message = create(schema);
  Object.assign(message, rest?.fields);
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || (isDefault(value) && rest?.empty?.includes(key) !== true)) continue;
    (message as unknown as Record<string, unknown>)[key] = value;
  }
  return message;
}

/** The object with a `wire` where there is one. */
export function withWire<T extends object>(object: T, wire: object | undefined): T & { readonly wire?: unknown } {
  return wire === undefined ? object : { ...object, wire };
}

/** Lists and oneofs of a message exist even where the file has nothing for them. */
function isUnset(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return value === undefined || (typeof value === "object" && value !== null && "case" in value && value.case === undefined);
}

function isDefault(value: unknown): boolean {
  return value === "" || value === 0 || value === 0n || value === false || (value instanceof Uint8Array && value.length === 0);
}

/** An entry of a keyed list in the order of the file, with its key as the IR has it. */
export interface Entry<T> {
  readonly key: string;
  readonly value: T;
  readonly rest: Rest | undefined;
}

/**
 * Entries to write for a map that was read from `entries` (which may repeat a key: the last one counts): those of the file in their
 * order and with their rest while the map still has them, then the new ones.
 */
export function mergeEntries<T>(entries: readonly Entry<T>[], map: ReadonlyMap<string, T>): readonly Entry<T>[] {
  const last = new Map(entries.map((entry, i) => [entry.key, i]));
  const kept = entries.flatMap((entry, i) => {
    if (!map.has(entry.key)) return [];
    return last.get(entry.key) === i ? [{ ...entry, value: map.get(entry.key) as T }] : [entry];
  });
  const added = [...map].filter(([key]) => !last.has(key)).map(([key, value]) => ({ key, value, rest: undefined }));
  return [...kept, ...added];
}

/** A name of ai.onnx's domain, which the IR spells `""`. */
export const spelledDefaultDomain = "ai.onnx";

export function domainOf(spelled: string): string {
  return spelled === spelledDefaultDomain ? "" : spelled;
}
