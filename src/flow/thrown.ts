import { show } from "../checks/show.ts";

/** What OpenTelemetry says of an exception. */
export interface Thrown {
  readonly message: string;
  readonly name?: string;
  readonly stack?: string;
  /** A number is no type of an error: those of a `DOMException` are older than its names. */
  readonly code?: string;
}

type Word = keyof Thrown;

/** What was thrown, in words: anything can be thrown. An object's words are read once, and only those that are text. */
export function readThrown(error: unknown): Thrown {
  const words: { [W in Word]?: string } = {};
  for (const word of ["name", "message", "stack", "code"] as const) {
    const text = wordOf(error, word);
    if (text !== undefined) words[word] = text;
  }
  const wordless = typeof error === "string" ? error : show(error);
  return { ...words, message: words.message ?? (words.name === undefined ? wordless : "") };
}

export function nameOf(error: unknown): string | undefined {
  return wordOf(error, "name");
}

function wordOf(error: unknown, word: Word): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  try {
    const text: unknown = Reflect.get(error, word);
    return typeof text === "string" && text !== "" ? text : undefined;
  } catch {
    return undefined; // A getter of somebody's threw: there is no such word.
  }
}
