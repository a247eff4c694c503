import { markHandler } from "../../../src/adapter.ts";

const marking = new WeakMap<object, object>();

/**
 * A dispatcher for one fetch, which marks the handlers that fetch gives it with the call of that fetch. A pool may make
 * the request in the async context of another one. Everything else is as the given dispatcher has it.
 */
export function markingDispatcher(dispatcher: object): object {
  let made = marking.get(dispatcher);
  if (made === undefined) {
    // Without members of its own: a proxy must show those of its target unchanged if they are fixed, as in a frozen one.
    const target: object = Object.create(dispatcher);
    made = new Proxy(target, { get });
    marking.set(dispatcher, made);
  }
  return made;
}

function get(target: object, name: string | symbol): unknown {
  // why: it was made with the dispatcher as its prototype
  const dispatcher = Object.getPrototypeOf(target) as object;
  // Private fields are those of the given dispatcher.
  const member: unknown = Reflect.get(dispatcher, name, dispatcher);
  if (name !== "dispatch" || typeof member !== "function") return member;
  return (...args: unknown[]): unknown => {
    markHandler(args[1]);
    return Reflect.apply(member, dispatcher, args);
  };
}
