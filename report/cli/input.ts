/** A row's input that does not have what its test needs. The message names it. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** The fields of a row's input. A number may be null, which is how JSON writes NaN. */
export class Input {
  readonly #fields: ReadonlyMap<string, unknown>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new InputError(`${path} is not an object`);
    }
    this.#fields = new Map(Object.entries(value));
    this.#path = path;
  }

  number(name: string): number {
    return asNumber(this.#get(name), this.#pathOf(name));
  }

  numbers(name: string): readonly number[] {
    const [value, path] = [this.#get(name), this.#pathOf(name)];
    if (!Array.isArray(value)) throw new InputError(`${path} is not a list of numbers`);
    return value.map((one: unknown, i) => asNumber(one, `${path}[${i}]`));
  }

  /** The fields of a field. */
  input(name: string): Input {
    return new Input(this.#get(name), this.#pathOf(name));
  }

  #get(name: string): unknown {
    if (!this.#fields.has(name)) throw new InputError(`${this.#pathOf(name)} is missing`);
    return this.#fields.get(name);
  }

  #pathOf(name: string): string {
    return `${this.#path}.${name}`;
  }
}

function asNumber(value: unknown, path: string): number {
  if (value === null) return Number.NaN;
  if (typeof value !== "number") throw new InputError(`${path} is ${JSON.stringify(value)}, not a number`);
  return value;
}
