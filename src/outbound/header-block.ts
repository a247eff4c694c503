import { isName } from "../http/header-parts.ts";
import { TICKET_HEADER } from "./tickets.ts";

const LINE_END = "\r\n";

/** A header block as text, without its `baggage` and ticket lines, and these lines. */
export interface HeaderBlock {
  readonly rest: string;
  readonly baggage: readonly string[];
  readonly tickets: readonly string[];
}

/** Takes the `baggage` and ticket lines out of a block of `Name: value` lines. Without any, `rest` is the block. */
export function takeFromBlock(block: string): HeaderBlock {
  const baggage: string[] = [];
  const tickets: string[] = [];
  const rest: string[] = [];
  for (const line of block.split(LINE_END)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0));
    if (isName(name, "baggage")) baggage.push(line.slice(colon + 1).trim());
    else if (isName(name, TICKET_HEADER)) tickets.push(line.slice(colon + 1).trim());
    else rest.push(line);
  }
  return { rest: rest.join(LINE_END), baggage, tickets };
}

/** Adds a `baggage` line at the end of the block, before the empty line of a complete one. `""` adds none. */
export function putIntoBlock(block: string, text: string): string {
  if (text === "") return block;
  const line = `baggage: ${text}${LINE_END}`;
  const closing = LINE_END + LINE_END;
  return block.endsWith(closing) ? block.slice(0, -LINE_END.length) + line + LINE_END : block + line;
}
