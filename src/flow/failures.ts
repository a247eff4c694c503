/** What is known of one error. */
interface KnownError {
  /** The flow in which it was noted last, and that flow's innermost step which failed with it. */
  readonly flow: object;
  readonly step: string | undefined;
  /** When it was noted, as a place in the order of all notes. */
  readonly place: number;
}

/** Who failed: a flow, or a step of it. */
export interface Failed {
  readonly flow: object;
  /** The step's name; undefined for the flow itself. */
  readonly step: string | undefined;
  /** What `begin` gave when it began. */
  readonly since: number;
}

/** What a failure says about its error. */
export interface Blame {
  /** The innermost step that failed; undefined where it was none. */
  readonly step: string | undefined;
  /** Whether nobody has recorded this error as an exception yet. */
  readonly isNew: boolean;
}

/** A retry in a long flow fails any number of times. What comes out of it is one of the last errors. */
const MAX_KNOWN = 64;

/** `cause` of `cause`; a longer chain, or a circle, ends here. */
const MAX_CAUSES = 8;

/**
 * The errors of a flow and of the flows within its steps. An error passes through parent steps and flows by identity, and
 * anything can be thrown, so the innermost step notes it, and those around it find it noted. An error that was noted
 * before a step began has been thrown anew: some code throws one object again and again.
 */
export class Failures {
  readonly #known = new Map<unknown, KnownError>();
  readonly #ours = new WeakSet<object>();
  /** A signal can be aborted with anything. */
  readonly #ourPrimitives = new Set<unknown>();
  #place = 0;

  begin(): number {
    return this.#place;
  }

  note(error: unknown, { flow, step, since }: Failed): Blame {
    const known = this.#find(error, since);
    const blamed = known ?? this.#findCause(error, since);
    const innermost = blamed?.flow === flow ? blamed.step : step;
    this.#known.delete(error);
    this.#known.set(error, { flow, step: innermost, place: ++this.#place });
    if (this.#known.size > MAX_KNOWN) this.#forgetOldest();
    return { step: innermost, isNew: known === undefined };
  }

  #find(error: unknown, since: number): KnownError | undefined {
    const known = this.#known.get(error);
    return known !== undefined && known.place > since ? known : undefined;
  }

  #findCause(error: unknown, since: number): KnownError | undefined {
    let cause = causeOf(error);
    for (let depth = 0; depth < MAX_CAUSES && cause !== undefined; depth++) {
      const known = this.#find(cause, since);
      if (known !== undefined) return known;
      cause = causeOf(cause);
    }
    return undefined;
  }

  #forgetOldest(): void {
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  /** An abort's reason or our own time-out: nobody's code threw it, so nobody may have been ready to catch it. */
  own(reason: unknown): void {
    if (isObject(reason)) this.#ours.add(reason);
    else this.#ourPrimitives.add(reason);
  }

  isOurs(error: unknown): boolean {
    return isObject(error) ? this.#ours.has(error) : this.#ourPrimitives.has(error);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function causeOf(error: unknown): unknown {
  try {
    return isObject(error) && "cause" in error ? error.cause : undefined;
  } catch {
    return undefined; // A getter of somebody's threw: there is no cause that we can see.
  }
}
