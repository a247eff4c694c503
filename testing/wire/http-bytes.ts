/** One message of HTTP/1.1 as on the wire. */
export interface WireMessage {
  /** The request line or the status line. */
  readonly start: string;
  /** The header lines in their order, each as it was sent. */
  readonly lines: readonly string[];
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";

/** Removes complete messages from a growing text. Bodies have a length or are chunked. */
export class WireReader {
  #text = "";

  push(chunk: Buffer): readonly WireMessage[] {
    this.#text += chunk.toString("latin1");
    const messages: WireMessage[] = [];
    for (let message = this.#take(); message !== undefined; message = this.#take()) messages.push(message);
    return messages;
  }

  #take(): WireMessage | undefined {
    const headEnd = this.#text.indexOf(HEAD_END);
    if (headEnd === -1) return undefined;
    const [start = "", ...lines] = this.#text.slice(0, headEnd).split("\r\n");
    const body = readBody(this.#text.slice(headEnd + HEAD_END.length), lines);
    if (body === undefined) return undefined;
    this.#text = body.rest;
    return { start, lines, body: body.text };
  }
}

interface Body {
  readonly text: string;
  readonly rest: string;
}

function readBody(text: string, lines: readonly string[]): Body | undefined {
  if (/chunked/i.test(headerValues(lines, "transfer-encoding").join(","))) return readChunks(text);
  const length = Number(headerValues(lines, "content-length")[0] ?? 0);
  return text.length < length ? undefined : { text: text.slice(0, length), rest: text.slice(length) };
}

function readChunks(text: string): Body | undefined {
  let body = "";
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const start = lineEnd + 2;
    if (text.length < start + size + 2) return undefined;
    body += text.slice(start, start + size);
    at = start + size + 2;
    if (size === 0) return { text: body, rest: text.slice(at) };
  }
}

/** The values of a header, one for each of its lines. */
export function headerValues(lines: readonly string[], name: string): readonly string[] {
  const start = `${name.toLowerCase()}:`;
  return lines.filter((line) => line.toLowerCase().startsWith(start)).map((line) => line.slice(start.length).trim());
}
