import { markHandler } from "../../../src/adapter.ts";

const marking = new WeakMap<object, object>();

/**
 * A dispatcher for one fetch, which marks the handlers that fetch gives it with the call of that fetch. A pool may make
 * the request in the async context of another one. Everything else is as the given dispatcher has it.
 */
export function markingDispatcher(dispatcher: object): object {
  let made = marking.get(dispatcher);
  if (made === undefined) {
    made = new Proxy(dispatcher, { get });
    marking.set(dispatcher, made);
  }
  return made;
}

function get(dispatcher: object, name: string | symbol): unknown {
  // Private fields are those of the given dispatcher.
  const member: unknown = Reflect.get(dispatcher, name, dispatcher);
  if (name !== "dispatch" || typeof member !== "function") return member;
  return (...args: unknown[]): unknown => {
    markHandler(args[1]);
    return Reflect.apply(member, dispatcher, args);
  };
}
