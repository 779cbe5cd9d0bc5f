/**
 * Codec turns JSON into values and back. The default one is JSON.parse, which makes every number a
 * double: integers beyond 2^53 lose digits. If your missions have such numbers, give
 * {@link Client} and {@link Agent} a codec that keeps them, for example as a BigInt. Numbers that a
 * double holds must stay numbers: the protocol's own are read through the codec, too.
 */
export interface Codec {
  parse(text: string): unknown;
  /** Returns undefined for what JSON has no value for, such as undefined itself. It throws for what cannot be encoded. */
  stringify(value: unknown): string | undefined;
}

/** strictJSON is the default {@link Codec}. It refuses NaN and the infinities, which JSON.stringify would turn into null. */
export const strictJSON: Codec = {
  parse: (text) => JSON.parse(text) as unknown,
  stringify: (value) => JSON.stringify(value, finite) as string | undefined,
};

function finite(key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TypeError(`${key === "" ? "the value" : key} is ${value}, which JSON has no number for`);
  }
  return value;
}
