import { isName } from "../http/header-parts.ts";
import { TICKET_HEADER } from "./tickets.ts";

const LINE_END = "\r\n";

/** A header block as text, without its `baggage` and ticket lines, and the values of these lines. */
export interface HeaderBlock {
  readonly rest: string;
  readonly baggage: readonly string[];
  readonly tickets: readonly string[];
}

const NO_LINES: readonly string[] = Object.freeze([]);

/** The names of the lines that are taken off: `baggage` and `TICKET_HEADER`. One search costs less than a copy in lower case. */
const OURS = /baggage|otel-experiments-ticket/i;

/** Whether a block may have a `baggage` or a ticket line: a quick test. */
export function mayHoldOurs(block: string): boolean {
  return OURS.test(block);
}

/**
 * Takes the `baggage` and ticket lines out of a block of `Name: value` lines, with lines that continue them. Servers also
 * accept a bare CR or LF as the end of a line, and white space around a name. Without any, `rest` is the block.
 */
export function takeFromBlock(block: string): HeaderBlock {
  if (!mayHoldOurs(block)) return { rest: block, baggage: NO_LINES, tickets: NO_LINES };
  const baggage: string[] = [];
  const tickets: string[] = [];
  const rest: string[] = [];
  let values: string[] | undefined;
  // Lines at even places, with the ends of the lines between them.
  const parts = block.split(/(\r\n|[\r\n])/);
  for (let i = 0; i < parts.length; i += 2) {
    const line = parts[i] ?? "";
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trim();
    const named = isName(name, "baggage") ? baggage : isName(name, TICKET_HEADER) ? tickets : undefined;
    if (named !== undefined) values = named;
    else if (!line.startsWith(" ") && !line.startsWith("\t")) values = undefined;
    if (values === undefined) rest.push(line, parts[i + 1] ?? "");
    else values.push((named === undefined ? line : line.slice(colon + 1)).trim());
  }
  return { rest: rest.join(""), baggage, tickets };
}

/** Adds a `baggage` line at the end of the block, before the empty line of a complete one. `""` adds none. */
export function putIntoBlock(block: string, text: string): string {
  if (text === "") return block;
  const line = `baggage: ${text}${LINE_END}`;
  const closing = LINE_END + LINE_END;
  return block.endsWith(closing) ? block.slice(0, -LINE_END.length) + line + LINE_END : block + line;
}
