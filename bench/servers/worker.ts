import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

type Reply<Answer> = { readonly answer: Answer } | { readonly failure: string };

/** A process of the bench, which answers one question after the other. Disposal ends it. */
export class Worker<Question extends object, Answer> {
  readonly #child: ChildProcess;
  readonly #file: string;

  constructor(file: string, order: object, flags: readonly string[] = []) {
    this.#file = file;
    this.#child = fork(join(import.meta.dirname, file), [JSON.stringify(order)], {
      execArgv: [...process.execArgv, "--expose-gc", ...flags],
      env: { ...process.env, NODE_ENV: "production" },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
  }

  async ask(question: Question): Promise<Answer> {
    const over = new AbortController();
    const { signal } = over;
    try {
      const answered = once(this.#child, "message", { signal });
      const exited = once(this.#child, "exit", { signal });
      this.#child.send(question);
      const [message] = await Promise.race([
        answered,
        exited.then(([code, by]) => Promise.reject(new Error(`${this.#file} ended with ${code ?? by}`))),
      ]);
      const given = message as Reply<Answer>; // why: `answerParent` sends this form
      if ("failure" in given) throw new Error(`${this.#file} failed: ${given.failure}`);
      return given.answer;
    } finally {
      over.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

/** The order with which the parent started this process. */
export function orderOf(): unknown {
  return JSON.parse(process.argv[2] ?? "");
}

/** Answers the parent's questions. This process ends when the parent does, however that ends. */
export function answerParent(answer: (question: never) => unknown): void {
  process.on("message", (question) => {
    void reply(() => answer(question as never)); // why: each process knows what its parent asks
  });
  // The parent may have ended while this process was loading.
  if (!process.connected) process.exit();
  process.once("disconnect", () => process.exit());
}

async function reply(answer: () => unknown): Promise<void> {
  let given: Reply<unknown>;
  try {
    given = { answer: await answer() };
  } catch (error) {
    given = { failure: String(error instanceof Error ? error.stack : error) };
  }
  process.send?.(given);
}
