import { attempt } from "../checks/diagnostics.ts";

/** Whatever the caller gave as a signal. */
type Source = AbortSignal | null | undefined;

const NO_SIGNAL = "the signal of a flow or a step is no AbortSignal";

/** What may end a step before its function does: the signals of what is around it, the caller's, a time limit. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #sources: AbortSignal[] = [];
  readonly #followed: () => void;
  #timer: NodeJS.Timeout | undefined;
  #listener: ((reason: unknown) => void) | undefined;

  constructor(sources: readonly Source[]) {
    this.#followed = () => {
      for (const { aborted, reason } of this.#sources) if (aborted) this.interrupt(reason);
    };
    for (const source of sources) {
      if (source !== undefined && source !== null) this.#follow(source);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  #follow(source: AbortSignal): void {
    attempt("flow", NO_SIGNAL, () => {
      source.addEventListener("abort", this.#followed);
      this.#sources.push(source);
      if (source.aborted) this.interrupt(source.reason);
    });
  }

  /** Is told the reason, behind everybody who listens to `signal`: what is within a step ends before the step. */
  onInterrupt(listener: (reason: unknown) => void): void {
    this.#listener = listener;
  }

  /** Interrupts after a time, with an error that is made then. */
  limit(ms: number, makeError: () => Error): void {
    this.#timer = setTimeout(() => this.interrupt(makeError()), ms);
  }

  /** The first reason stays. */
  interrupt(reason: unknown): void {
    if (this.signal.aborted) return;
    this.#controller.abort(reason);
    this.#listener?.(this.signal.reason);
  }

  /** Lets go of the signals and of the time limit. Idempotent. */
  release(): void {
    clearTimeout(this.#timer);
    this.#listener = undefined;
    for (const source of this.#sources.splice(0)) {
      attempt("flow", NO_SIGNAL, () => source.removeEventListener("abort", this.#followed));
    }
  }
}
