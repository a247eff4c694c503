import type { IncomingMessage, ServerResponse } from "node:http";

/** What Tiny's middleware sees of a request. */
export interface Context {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly state: Record<string, unknown>;
  /** What a parser made of the request's body. */
  body?: unknown;
}

export type Middleware = (context: Context, next: () => Promise<void>) => Promise<void>;

/** A framework of one screen, which docs/adapters.md writes an adapter for. */
export class Tiny {
  readonly #stack: Middleware[] = [];
  onError: (error: unknown, context: Context) => void = (_error, { res }) => void res.writeHead(500).end();

  use(middleware: Middleware): void {
    this.#stack.push(middleware);
  }

  listener(): (req: IncomingMessage, res: ServerResponse) => void {
    return (req, res) => {
      const context: Context = { req, res, state: {} };
      this.#run(context, 0).catch((error: unknown) => this.onError(error, context));
    };
  }

  async #run(context: Context, index: number): Promise<void> {
    await this.#stack[index]?.(context, () => this.#run(context, index + 1));
  }
}
