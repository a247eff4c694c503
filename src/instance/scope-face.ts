import type { Attributes } from "@opentelemetry/api";
import type { Assignment } from "../assignment/assignment.ts";
import type { FieldAccess, FieldValue } from "../fields/field.ts";
import type { ConversionOptions } from "../scope/conversion-options.ts";
import type { AssignArguments, Scope } from "../scope/public-scope.ts";
import type { RequestScope } from "../scope/request-scope.ts";
import { assign, record } from "./assigning.ts";
import { fieldOf, setField } from "./field-setting.ts";
import { missVariant } from "./first-hour.ts";
import type { Instance } from "./instance.ts";
import { convert, expose } from "./outcomes.ts";

/** The public object of a scope: the same one each time. */
export function faceOf(instance: Instance, scope: RequestScope): Scope {
  return scope.face((of) => new ScopeFace(instance, of));
}

/** The public calls of a scope, without access to its state. */
class ScopeFace implements Scope {
  static {
    // The console's hook (util.inspect.custom), since the console shows neither private fields nor accessors. A method
    // with a computed name would need its type in the declarations.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: ScopeFace) {
        return this.toJSON();
      },
    });
  }

  readonly #instance: Instance;
  readonly #scope: RequestScope;

  constructor(instance: Instance, scope: RequestScope) {
    this.#instance = instance;
    this.#scope = scope;
  }

  get assignments(): readonly Assignment[] {
    return this.#scope.assignments;
  }

  get attributes(): Attributes {
    return this.#scope.attributes;
  }

  /** For frameworks that serialize the objects that hold a scope, such as `res.locals`. */
  toJSON(): Pick<Scope, "assignments" | "attributes"> {
    return { assignments: this.assignments, attributes: this.attributes };
  }

  variant(key: string): string | undefined {
    return variantOf(this.#instance, this.#scope, key);
  }

  record(key: string, variant: string): string | undefined {
    return record(this.#instance, this.#scope, key, variant);
  }

  assign(key: string, ...given: AssignArguments): Promise<string | undefined> {
    return assign(this.#instance, this.#scope, key, given);
  }

  use(key: string): string | undefined {
    const variant = this.variant(key);
    if (variant !== undefined) this.expose(key);
    else missVariant(this.#instance, this.#scope, key);
    return variant;
  }

  expose(key: string): void {
    expose(this.#instance, this.#scope, key);
  }

  convert(name: string, options?: ConversionOptions): void {
    convert(this.#instance, this.#scope, name, options);
  }

  get fields(): FieldAccess {
    return new ScopeFieldAccess(this.#instance, this.#scope);
  }
}

class ScopeFieldAccess implements FieldAccess {
  readonly #instance: Instance;
  readonly #scope: RequestScope;

  constructor(instance: Instance, scope: RequestScope) {
    this.#instance = instance;
    this.#scope = scope;
  }

  get(name: string): FieldValue | undefined {
    return fieldOf(this.#instance, this.#scope, name);
  }

  set(name: string, value: FieldValue): boolean {
    return setField(this.#instance, this.#scope, name, value);
  }
}

function variantOf({ catalog, report }: Instance, scope: RequestScope, key: string): string | undefined {
  const assignment = scope.find(key);
  if (assignment === undefined) catalog.checkKey(key, report);
  return assignment?.variant;
}
