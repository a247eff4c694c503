import { send, type WireResponse } from "otel-experiments/testing";
import { headerValues } from "../../testing/wire/http-bytes.ts";

/** A browser's cookie jar for one host, and the calls that it makes. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #agent: string;

  constructor(agent: string) {
    this.#agent = agent;
  }

  /** Sends the cookies that it has now, and takes those of the answer when the answer is there. */
  async call(port: number, path: string, lines: readonly string[] = []): Promise<WireResponse> {
    const cookie = Array.from(this.cookies, (pair) => pair.join("=")).join("; ");
    const own = [`user-agent: ${this.#agent}`, ...(cookie === "" ? [] : [`cookie: ${cookie}`])];
    const answer = await send(port, { path, lines: [...own, ...lines] });
    for (const line of headerValues(answer.lines, "set-cookie")) {
      const [pair = "", ...attributes] = line.split("; ");
      const equals = pair.indexOf("=");
      const name = pair.slice(0, equals);
      // As if it were new: a browser sends the older cookies first.
      if (attributes.includes("Max-Age=0")) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(equals + 1));
    }
    return answer;
  }
}
